"""Loops with one rule of restore, batch, transaction or commit switched off, and their controls."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import cast

from tests.simulator.stream import SimulatedStream
from tweets.records import OutputRecord, Partition, Record
from worker.batching import Batch
from worker.counts import CommittedCounts, RunningCounts
from worker.errors import TransientError
from worker.interfaces import CountsSink
from worker.loop import Loop
from worker.membership import CommittedOffset, Membership, PolledRecords, StoredState
from worker.partition_state import PartitionState
from worker.process.stop import StopRequest


class RewrittenRun(Loop):
    """Control: recovery from an error, rewritten."""

    def run(self, stop: StopRequest) -> None:
        while not stop.is_set():
            try:
                if self._broken:
                    self._replace_producer()
                    self._broken = False
                self._turn()
            except TransientError:
                self._broken = True
                self._prepare_restore()
                stop.wait(0)

    def _replace_producer(self) -> None:
        self._stream.rollback()

    def _prepare_restore(self) -> None:
        self._membership = None


class SeeksToTheBatchInsteadOfRestoring(RewrittenRun):
    """Step 1 left out after an error: what the worker remembers outlives it."""

    def _prepare_restore(self) -> None:
        self._stream.seek({partition: committed.offset for partition, committed in self._committed_counts.items()})


class NeverReplacesTheProducer(RewrittenRun):
    """Step 9 left out."""

    def _replace_producer(self) -> None:
        """Keep the producer."""


class RewrittenCollect(Loop):
    """Control: the collection of a batch, rewritten."""

    keeps_the_batch = False

    def _collect(self) -> tuple[list[Record], Membership] | None:
        batch = Batch(self._batch_limit.records, self._batch_max_wait_s, _clock)
        batch.add(self._fetched)
        self._fetched = ()
        while True:
            fetched = self._stream.poll(timeout_s=0.1, max_records=max(1, batch.room))
            batch.add(fetched.records)
            if not self._changed(fetched.membership):
                self._read_to = fetched.read_to
                break
            self._restore(fetched.membership)
            if self._membership is None or not self.keeps_the_batch:
                return None
        kept = [record for record in batch.records if record.partition in fetched.membership.partitions]
        return (kept, fetched.membership) if kept else None

    def _changed(self, membership: Membership) -> bool:
        return membership != self._membership


class KeepsTheBatchWhenMembershipChanges(RewrittenCollect):
    """Step 2: what was fetched before the change is committed with what is fetched after it."""

    keeps_the_batch = True


class LooksAtPartitionsButNotAtTheGeneration(RewrittenCollect):
    """Step 1: the same partitions in a new generation count as no change, although positions have moved."""

    def _changed(self, membership: Membership) -> bool:
        return self._membership is None or membership.partitions != self._membership.partitions


class IgnoresThatItIsNotInTheGroup(Loop):
    """Step 2: offsets of a member without a generation are accepted unchecked."""

    def _restore(self, membership: Membership) -> None:
        super()._restore(membership)
        if not membership.joined:
            super()._restore(PretendedMembership(**vars(membership)))
            self._membership = membership


class PretendedMembership(Membership):
    @property
    def joined(self) -> bool:
        return True


class WrappedStream:
    """The loop's stream, with every call passed on."""

    def __init__(self, stream: SimulatedStream, publisher: CountsSink) -> None:
        self._inner = stream
        self._publisher = publisher

    def poll(self, *, timeout_s: float, max_records: int) -> PolledRecords:
        return self._inner.poll(timeout_s=timeout_s, max_records=max_records)

    def restore(self, membership: Membership) -> Mapping[Partition, StoredState]:
        return self._inner.restore(membership)

    def seek(self, offsets: Mapping[Partition, int]) -> None:
        self._inner.seek(offsets)

    def publish(self, outgoing: Sequence[OutputRecord], states: Mapping[Partition, PartitionState]) -> None:
        self._inner.publish(outgoing, states)

    def commit(self, positions: Mapping[Partition, CommittedOffset], membership: Membership) -> None:
        self._inner.commit(positions, membership)

    def rollback(self) -> None:
        self._inner.rollback()

    def lag(self, partition: Partition, offset: int) -> int | None:
        return None


class WrapsItsStream(Loop):
    """Control: a batch is processed on a wrapped stream."""

    wrapped: type[WrappedStream] = WrappedStream

    def _process(self, records: Sequence[Record], membership: Membership) -> None:
        stream = cast(SimulatedStream, self._stream)
        self._stream = self.wrapped(stream, self._publisher)
        try:
            super()._process(records, membership)
        finally:
            self._stream = stream


class LateMetadata(WrappedStream):
    def commit(self, positions: Mapping[Partition, CommittedOffset], membership: Membership) -> None:
        self._inner.commit(positions, self._inner.present_membership())


class AsksForItsMembershipOnlyAtTheCommit(WrapsItsStream):
    """Step 2: the metadata is not that of the poll, but what the client has learnt since."""

    wrapped = LateMetadata


class HidesFailedSends(WrappedStream):
    def publish(self, outgoing: Sequence[OutputRecord], states: Mapping[Partition, PartitionState]) -> None:
        with suppress(TransientError):
            self._inner.publish(outgoing, states)


class CommitsThoughARecordFailed(WrapsItsStream):
    """Step 6: a failed send does not stop a commit."""

    wrapped = HidesFailedSends


class PublishesCountsFirst(WrappedStream):
    def commit(self, positions: Mapping[Partition, CommittedOffset], membership: Membership) -> None:
        committed_counts = {
            partition: CommittedCounts(
                membership.generation, at.offset, RunningCounts.from_metadata(at.metadata or "") or RunningCounts()
            )
            for partition, at in positions.items()
        }
        self._publisher.publish(committed_counts)
        self._inner.commit(positions, membership)


class PublishesCountsBeforeTheCommit(WrapsItsStream):
    """Step 8 before step 7."""

    wrapped = PublishesCountsFirst


class KeepsTheRestOfABatchOverARestore(Loop):
    """Step 1: what is fetched and not yet labelled is processed in the next membership too."""

    def _restore(self, membership: Membership) -> None:
        super()._restore(membership)
        self._fetched = self._rest

    def _collect(self) -> tuple[list[Record], Membership] | None:
        self._rest = self._fetched
        return super()._collect()


class KeepsTheTransaction(WrappedStream):
    def rollback(self) -> None:
        """Keep the transaction of the refused batch open."""


class PublishesARefusedBatchIntoTheSameTransaction(WrapsItsStream):
    """Step 6: after a refusal the transaction is not aborted."""

    wrapped = KeepsTheTransaction


class CountsFromZeroAtEachRestore(Loop):
    """Step 1: the position is restored, the counts in the offset metadata are not."""

    def _restore(self, membership: Membership) -> None:
        super()._restore(membership)
        self._committed_counts = {
            p: replace(committed, counts=RunningCounts()) for p, committed in self._committed_counts.items()
        }


class KeepsItsCountsOverARestore(Loop):
    """Step 1: the counts are those that the worker remembers, and not those in the offset metadata."""

    def _restore(self, membership: Membership) -> None:
        remembered = self._committed_counts
        super()._restore(membership)
        self._committed_counts = {
            p: replace(committed, counts=remembered[p].counts) if p in remembered else committed
            for p, committed in self._committed_counts.items()
        }


class Mute:
    """Publishes nothing."""

    def assign(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None: ...
    def publish(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None: ...


class PublishesNothingAfterARestore(Loop):
    """Step 1: a new owner publishes nothing, and the counts that a dead worker did not publish are missing."""

    def _restore(self, membership: Membership) -> None:
        publisher, self._publisher = self._publisher, Mute()
        try:
            super()._restore(membership)
        finally:
            self._publisher = publisher


class CommitsTheOffsetOfTheLastRecord(Loop):
    """Step 7: the position is that of the last record and not the one after it."""

    def _committed_after(self, results):  # type: ignore[no-untyped-def]
        states = super()._committed_after(results)
        return {p: replace(at, counts=replace(at.counts, offset=at.counts.offset - 1)) for p, at in states.items()}


def _clock() -> float:
    return 0.0
