"""The simulator has teeth: each rule of the loop, switched off, breaks the promise in some schedule."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from threading import Event
from typing import cast

import pytest

from tests.simulator.stream import SimulatedStream
from tests.simulator.surroundings import Broken
from tests.simulator.world import World
from worker.batching import Batch
from worker.counts import Claim, RunningCounts
from worker.errors import PassingFault
from worker.loop import Loop
from worker.messages import Outgoing, Partition, Record
from worker.positions import Fetched, Ownership, Position

SEEDS = 300


class SeeksToTheBatchInsteadOfRestoring(Loop):
    """Step 1 left out after an error: what the worker remembers outlives it."""

    def run(self, stop: Event) -> None:
        while not stop.is_set():
            try:
                if self._broken:
                    self._stream.rollback()
                    self._broken = False
                self._turn()
            except PassingFault:
                self._broken = True
                cast(SimulatedStream, self._stream).seek({p: claim.offset for p, claim in self._claims.items()})
                stop.wait(0)


class KeepsTheBatchWhenOwnershipChanges(Loop):
    """Step 2: what was fetched before the change is committed with what is fetched after it."""

    def _collect(self) -> tuple[list[Record], Ownership] | None:
        batch = Batch(self._batch_max_tweets, self._batch_max_wait_s, _clock)
        while True:
            fetched = self._stream.poll(timeout_s=0.1, max_records=max(1, batch.room))
            batch.add(fetched.records)
            if fetched.ownership == self._ownership:
                break
            self._restore(fetched.ownership)
            if self._ownership is None:
                return None
        kept = [record for record in batch.records if record.partition in fetched.ownership.partitions]
        return (kept, fetched.ownership) if kept else None


class AsksForTheOwnershipOnlyAtTheCommit(Loop):
    """Step 2: the metadata is not that of the poll, but whatever the client has learnt since."""

    def _process(self, records: Sequence[Record], ownership: Ownership) -> None:
        stream = cast(SimulatedStream, self._stream)
        self._stream = LateOwnership(stream)
        try:
            super()._process(records, ownership)
        finally:
            self._stream = stream


class LateOwnership:
    def __init__(self, stream: SimulatedStream) -> None:
        self._inner = stream

    def poll(self, *, timeout_s: float, max_records: int) -> Fetched:
        return self._inner.poll(timeout_s=timeout_s, max_records=max_records)

    def restore(self, ownership: Ownership) -> Mapping[Partition, Position]:
        return self._inner.restore(ownership)

    def publish(self, outgoing: Sequence[Outgoing]) -> None:
        self._inner.publish(outgoing)

    def commit(self, positions: Mapping[Partition, Position], ownership: Ownership) -> None:
        self._inner.commit(positions, self._inner.present_ownership())

    def rollback(self) -> None:
        self._inner.rollback()

    def lag(self, partition: Partition, offset: int) -> int | None:
        return None


class LooksAtPartitionsButNotAtTheGeneration(Loop):
    """Step 1: the same partitions in a new generation are taken for no change, though positions have moved."""

    def _collect(self) -> tuple[list[Record], Ownership] | None:
        fetched = self._stream.poll(timeout_s=0.1, max_records=self._batch_max_tweets)
        if self._ownership is None or fetched.ownership.partitions != self._ownership.partitions:
            self._restore(fetched.ownership)
            return None
        return (fetched.records, fetched.ownership) if fetched.records else None


class IgnoresThatItIsNotInTheGroup(Loop):
    """Offsets of one who names no generation are accepted unchecked."""

    def _restore(self, ownership: Ownership) -> None:
        super()._restore(ownership)
        if not ownership.joined:
            super()._restore(PretendedOwnership(**vars(ownership)))
            self._ownership = ownership


class PretendedOwnership(Ownership):
    @property
    def joined(self) -> bool:
        return True


class CommitsThoughARecordFailed(Loop):
    """Step 6: a failed send does not stop a commit."""

    def _process(self, records: Sequence[Record], ownership: Ownership) -> None:
        stream, self._stream = self._stream, HidesFailedSends(cast(SimulatedStream, self._stream))
        try:
            super()._process(records, ownership)
        finally:
            self._stream = stream


class HidesFailedSends(LateOwnership):
    def publish(self, outgoing: Sequence[Outgoing]) -> None:
        with suppress(PassingFault):
            self._inner.publish(outgoing)

    def commit(self, positions: Mapping[Partition, Position], ownership: Ownership) -> None:
        self._inner.commit(positions, ownership)


class TellsRedisBeforeTheCommit(Loop):
    """Step 8 before step 7."""

    def _process(self, records: Sequence[Record], ownership: Ownership) -> None:
        stream, teller = self._stream, self._teller
        self._stream = TellsFirst(cast(SimulatedStream, stream), self)
        try:
            super()._process(records, ownership)
        finally:
            self._stream, self._teller = stream, teller


class TellsFirst(HidesFailedSends):
    def __init__(self, stream: SimulatedStream, loop: TellsRedisBeforeTheCommit) -> None:
        super().__init__(stream)
        self._loop = loop

    def publish(self, outgoing: Sequence[Outgoing]) -> None:
        self._inner.publish(outgoing)

    def commit(self, positions: Mapping[Partition, Position], ownership: Ownership) -> None:
        claims = {
            partition: Claim(ownership.generation, at.offset, RunningCounts.from_note(at.note or "") or RunningCounts())
            for partition, at in positions.items()
        }
        self._loop._teller.tell(claims)
        self._inner.commit(positions, ownership)


class NeverReplacesTheProducer(Loop):
    """Step 9 left out."""

    def run(self, stop: Event) -> None:
        while not stop.is_set():
            try:
                self._turn()
            except PassingFault:
                self._ownership = None
                stop.wait(0)


class StartsCountingAnewAtEachRestore(Loop):
    """Step 1: the position is restored, the note is not."""

    def _restore(self, ownership: Ownership) -> None:
        super()._restore(ownership)
        self._claims = {p: replace(claim, counts=RunningCounts()) for p, claim in self._claims.items()}


class KeepsItsCountsOverARestore(Loop):
    """Step 1: the counts are not those of the note but what the worker remembers."""

    def _restore(self, ownership: Ownership) -> None:
        remembered = self._claims
        super()._restore(ownership)
        self._claims = {
            p: replace(claim, counts=remembered[p].counts) if p in remembered else claim
            for p, claim in self._claims.items()
        }


class ForgetsToTellRedisWhatItOwns(Loop):
    """Step 1: an owner that finds nothing to do says nothing, and a dead worker's last words are lost."""

    def _restore(self, ownership: Ownership) -> None:
        teller, self._teller = self._teller, Mute()
        try:
            super()._restore(ownership)
        finally:
            self._teller = teller


class Mute:
    def own(self, claims: Mapping[Partition, Claim]) -> None:
        """Says nothing."""

    def tell(self, claims: Mapping[Partition, Claim]) -> None:
        """Says nothing."""


class CommitsTheOffsetOfTheLastRecord(Loop):
    """Step 7: the position is that of the last record and not the one after it."""

    def _claims_after(self, results):  # type: ignore[no-untyped-def]
        claims = super()._claims_after(results)
        return {p: replace(claim, offset=claim.offset - 1) for p, claim in claims.items()}


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
    except Broken:
        return True
    return False
