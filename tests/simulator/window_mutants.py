"""Loops with one rule about minutes, hours and days switched off, and their controls."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from tests.simulator.checkpoint_mutants import WrapsItsRestore
from tests.simulator.loop_mutants import WrappedStream, WrapsItsStream
from tests.simulator.stream import SimulatedStream
from tweets.records import OutputRecord, Partition, Record
from worker.interfaces import NoWindows, WindowsSink
from worker.loop import Loop
from worker.membership import CommittedOffset, Membership, StoredState
from worker.partition_state import PartitionState, updates_of, windows_of
from worker.windows.records import name
from worker.windows.state import PartitionWindows


class AdoptsWindowsBeforeTheCommit(Loop):
    """Step 8 before step 7: the windows of a transaction that is refused count its tweets a second time."""

    def _committed_after(self, results):  # type: ignore[no-untyped-def]
        states = super()._committed_after(results)
        self._committed_windows |= windows_of(states)
        return states


class KeepsItsWindowsOverARestore(Loop):
    """Step 1: the windows are those that the worker remembers, of an older commit than the committed one."""

    def _restore(self, membership: Membership) -> None:
        remembered = self._committed_windows
        super()._restore(membership)
        self._committed_windows |= {p: windows for p, windows in remembered.items() if p in self._committed_windows}


class WithoutWindows(WrappedStream):
    def restore(self, membership: Membership) -> Mapping[Partition, StoredState]:
        return {p: replace(found, windows=None) for p, found in self._inner.restore(membership).items()}


class RestoresNoWindows(WrapsItsRestore):
    """Step 1: position and counts are restored, and the windows begin again."""

    wrapped = WithoutWindows


class EarlierWindows(WrappedStream):
    """The first windows of each partition that a restore has found."""

    first: dict[Partition, PartitionWindows | None]

    def restore(self, membership: Membership) -> Mapping[Partition, StoredState]:
        stored = self._inner.restore(membership)
        self.first = {p: found.windows for p, found in stored.items()} | getattr(self._inner, "first_windows", {})
        self._inner.first_windows = self.first  # type: ignore[attr-defined]
        return {p: replace(found, windows=self.first[p]) for p, found in stored.items()}


class RestoresWindowsOfAnEarlierCommit(WrapsItsRestore):
    """Step 1: the windows are not compared with the committed offset, and may be those of an earlier commit."""

    wrapped = EarlierWindows


class ChangesItsWindowRecords(WrappedStream):
    """Publishes other records of the windows than the loop says."""

    def publish(self, outgoing: Sequence[OutputRecord], states: Mapping[Partition, PartitionState]) -> None:
        changed = {p: replace(state, records=self.changed(state)) for p, state in states.items()}
        self._inner.publish(outgoing, changed)

    def changed(self, state: PartitionState) -> Mapping[str, bytes | None]:
        return state.records


class RewritesItsWindowRecords(WrapsItsStream):
    """Control: the records of the windows are passed on by another object."""

    wrapped = ChangesItsWindowRecords


class NoSums(ChangesItsWindowRecords):
    def changed(self, state: PartitionState) -> Mapping[str, bytes | None]:
        return {each: value for each, value in state.records.items() if not each.startswith(("hour|", "day|"))}


class WritesNoSumsOfClosedMinutes(WrapsItsStream):
    """Step 5: a minute closes, and the record of its hour and of its day is not written."""

    wrapped = NoSums


class EarlyDeletions(ChangesItsWindowRecords):
    def changed(self, state: PartitionState) -> Mapping[str, bytes | None]:
        return {**state.records, **{name(period): None for period in list(state.windows.closed)[:1]}}


class DeletesPeriodsTooEarly(WrapsItsStream):
    """Step 5: the record of a closed period is deleted before the period has expired."""

    wrapped = EarlyDeletions


class WindowsFirst(WrappedStream):
    sink: WindowsSink = NoWindows()

    def publish(self, outgoing: Sequence[OutputRecord], states: Mapping[Partition, PartitionState]) -> None:
        self._states = states
        self._inner.publish(outgoing, states)

    def commit(self, positions: Mapping[Partition, CommittedOffset], membership: Membership) -> None:
        self.sink.publish(updates_of(self._states))
        self._inner.commit(positions, membership)


class PublishesWindowsBeforeTheCommit(WrapsItsStream):
    """Step 8 before step 7, for Redis."""

    wrapped = WindowsFirst

    def _process(self, records: Sequence[Record], membership: Membership) -> None:
        stream = cast(SimulatedStream, self._stream)
        first = WindowsFirst(stream, self._publisher)
        first.sink = self._windows_sink
        self._stream = first
        try:
            Loop._process(self, records, membership)
        finally:
            self._stream = stream


class PublishesNoWindowsAfterARestore(Loop):
    """Step 1: a new owner publishes no open minutes, and those that a dead worker did not publish are missing."""

    def _restore(self, membership: Membership) -> None:
        sink, self._windows_sink = self._windows_sink, NoWindows()
        try:
            super()._restore(membership)
        finally:
            self._windows_sink = sink
