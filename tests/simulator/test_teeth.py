"""The simulator has teeth: each rule of the loop, switched off, breaks the promise in some schedule."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import cast

import pytest

from tests.simulator.stream import SimulatedStream
from tests.simulator.surroundings import BrokenPromiseError
from tests.simulator.world import World
from tweets.records import OutputRecord, Partition, Record
from worker.batching import Batch
from worker.counts import CommittedCounts, RunningCounts
from worker.errors import TransientError
from worker.loop import Loop
from worker.membership import CommittedOffset, Membership, PolledRecords
from worker.process.stop import StopRequest

SEEDS = 300


class SeeksToTheBatchInsteadOfRestoring(Loop):
    """Step 1 left out after an error: what the worker remembers outlives it."""

    def run(self, stop: StopRequest) -> None:
        while not stop.is_set():
            try:
                if self._broken:
                    self._stream.rollback()
                    self._broken = False
                self._turn()
            except TransientError:
                self._broken = True
                cast(SimulatedStream, self._stream).seek(
                    {p: committed.offset for p, committed in self._committed_counts.items()}
                )
                stop.wait(0)


class KeepsTheBatchWhenOwnershipChanges(Loop):
    """Step 2: what was fetched before the change is committed with what is fetched after it."""

    def _collect(self) -> tuple[list[Record], Membership] | None:
        batch = Batch(self._batch_max_tweets, self._batch_max_wait_s, _clock)
        while True:
            fetched = self._stream.poll(timeout_s=0.1, max_records=max(1, batch.room))
            batch.add(fetched.records)
            if fetched.membership == self._membership:
                break
            self._restore(fetched.membership)
            if self._membership is None:
                return None
        kept = [record for record in batch.records if record.partition in fetched.membership.partitions]
        return (kept, fetched.membership) if kept else None


class AsksForTheOwnershipOnlyAtTheCommit(Loop):
    """Step 2: the metadata is not that of the poll, but whatever the client has learnt since."""

    def _process(self, records: Sequence[Record], membership: Membership) -> None:
        stream = cast(SimulatedStream, self._stream)
        self._stream = LateOwnership(stream)
        try:
            super()._process(records, membership)
        finally:
            self._stream = stream


class LateOwnership:
    def __init__(self, stream: SimulatedStream) -> None:
        self._inner = stream

    def poll(self, *, timeout_s: float, max_records: int) -> PolledRecords:
        return self._inner.poll(timeout_s=timeout_s, max_records=max_records)

    def restore(self, membership: Membership) -> Mapping[Partition, CommittedOffset]:
        return self._inner.restore(membership)

    def publish(self, outgoing: Sequence[OutputRecord]) -> None:
        self._inner.publish(outgoing)

    def commit(self, positions: Mapping[Partition, CommittedOffset], membership: Membership) -> None:
        self._inner.commit(positions, self._inner.present_ownership())

    def rollback(self) -> None:
        self._inner.rollback()

    def lag(self, partition: Partition, offset: int) -> int | None:
        return None


class LooksAtPartitionsButNotAtTheGeneration(Loop):
    """Step 1: the same partitions in a new generation are taken for no change, though positions have moved."""

    def _collect(self) -> tuple[list[Record], Membership] | None:
        fetched = self._stream.poll(timeout_s=0.1, max_records=self._batch_max_tweets)
        if self._membership is None or fetched.membership.partitions != self._membership.partitions:
            self._restore(fetched.membership)
            return None
        return (fetched.records, fetched.membership) if fetched.records else None


class IgnoresThatItIsNotInTheGroup(Loop):
    """Offsets of one who names no generation are accepted unchecked."""

    def _restore(self, membership: Membership) -> None:
        super()._restore(membership)
        if not membership.joined:
            super()._restore(PretendedMembership(**vars(membership)))
            self._membership = membership


class PretendedMembership(Membership):
    @property
    def joined(self) -> bool:
        return True


class CommitsThoughARecordFailed(Loop):
    """Step 6: a failed send does not stop a commit."""

    def _process(self, records: Sequence[Record], membership: Membership) -> None:
        stream, self._stream = self._stream, HidesFailedSends(cast(SimulatedStream, self._stream))
        try:
            super()._process(records, membership)
        finally:
            self._stream = stream


class HidesFailedSends(LateOwnership):
    def publish(self, outgoing: Sequence[OutputRecord]) -> None:
        with suppress(TransientError):
            self._inner.publish(outgoing)

    def commit(self, positions: Mapping[Partition, CommittedOffset], membership: Membership) -> None:
        self._inner.commit(positions, membership)


class TellsRedisBeforeTheCommit(Loop):
    """Step 8 before step 7."""

    def _process(self, records: Sequence[Record], membership: Membership) -> None:
        stream, publisher = self._stream, self._publisher
        self._stream = TellsFirst(cast(SimulatedStream, stream), self)
        try:
            super()._process(records, membership)
        finally:
            self._stream, self._publisher = stream, publisher


class TellsFirst(HidesFailedSends):
    def __init__(self, stream: SimulatedStream, loop: TellsRedisBeforeTheCommit) -> None:
        super().__init__(stream)
        self._loop = loop

    def publish(self, outgoing: Sequence[OutputRecord]) -> None:
        self._inner.publish(outgoing)

    def commit(self, positions: Mapping[Partition, CommittedOffset], membership: Membership) -> None:
        committed_counts = {
            partition: CommittedCounts(
                membership.generation, at.offset, RunningCounts.from_metadata(at.metadata or "") or RunningCounts()
            )
            for partition, at in positions.items()
        }
        self._loop._publisher.publish(committed_counts)
        self._inner.commit(positions, membership)


class NeverReplacesTheProducer(Loop):
    """Step 9 left out."""

    def run(self, stop: StopRequest) -> None:
        while not stop.is_set():
            try:
                self._turn()
            except TransientError:
                self._membership = None
                stop.wait(0)


class StartsCountingAnewAtEachRestore(Loop):
    """Step 1: the position is restored, the note is not."""

    def _restore(self, membership: Membership) -> None:
        super()._restore(membership)
        self._committed_counts = {
            p: replace(committed, counts=RunningCounts()) for p, committed in self._committed_counts.items()
        }


class KeepsItsCountsOverARestore(Loop):
    """Step 1: the counts are not those of the note but what the worker remembers."""

    def _restore(self, membership: Membership) -> None:
        remembered = self._committed_counts
        super()._restore(membership)
        self._committed_counts = {
            p: replace(committed, counts=remembered[p].counts) if p in remembered else committed
            for p, committed in self._committed_counts.items()
        }


class ForgetsToTellRedisWhatItOwns(Loop):
    """Step 1: an owner that finds nothing to do says nothing, and a dead worker's last words are lost."""

    def _restore(self, membership: Membership) -> None:
        publisher, self._publisher = self._publisher, Mute()
        try:
            super()._restore(membership)
        finally:
            self._publisher = publisher


class Mute:
    def assign(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None:
        """Says nothing."""

    def publish(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None:
        """Says nothing."""


class CommitsTheOffsetOfTheLastRecord(Loop):
    """Step 7: the position is that of the last record and not the one after it."""

    def _committed_after(self, results):  # type: ignore[no-untyped-def]
        committed_counts = super()._committed_after(results)
        return {p: replace(committed, offset=committed.offset - 1) for p, committed in committed_counts.items()}


RULES = [
    SeeksToTheBatchInsteadOfRestoring,
    KeepsTheBatchWhenOwnershipChanges,
    AsksForTheOwnershipOnlyAtTheCommit,
    LooksAtPartitionsButNotAtTheGeneration,
    IgnoresThatItIsNotInTheGroup,
    CommitsThoughARecordFailed,
    TellsRedisBeforeTheCommit,
    NeverReplacesTheProducer,
    StartsCountingAnewAtEachRestore,
    KeepsItsCountsOverARestore,
    ForgetsToTellRedisWhatItOwns,
    CommitsTheOffsetOfTheLastRecord,
]


def _clock() -> float:
    return 0.0


@pytest.mark.parametrize("loop_class", RULES, ids=lambda rule: rule.__name__)
def test_a_loop_with_one_rule_switched_off_breaks_the_promise_in_some_schedule(loop_class: type[Loop]) -> None:
    assert any(_is_broken(seed, loop_class) for seed in range(SEEDS)), f"{SEEDS} schedules missed: {loop_class.__doc__}"


def _is_broken(seed: int, loop_class: type[Loop]) -> bool:
    try:
        World(seed, loop_class).run()
    except BrokenPromiseError:
        return True
    return False
