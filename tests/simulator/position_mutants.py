"""Loops with one rule about moved, skipped or passed offsets switched off, and their controls."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from tests.simulator.stream import SimulatedStream
from tweets.records import Partition, Record
from worker.counts import CommittedCounts, RunningCounts
from worker.labelling import RecordOutcome
from worker.loop import Loop
from worker.membership import CommittedOffset, Membership


class RestoredThrough(SimulatedStream):
    """A stream whose `restore` another object changes."""

    def __init__(self, stream: SimulatedStream) -> None:
        vars(self).update(vars(stream))

    def restore(self, membership: Membership) -> dict[Partition, CommittedOffset]:
        restored = super().restore(membership)
        changed = {partition: self.changed(partition, at) for partition, at in restored.items()}
        self.seek({partition: at.offset for partition, at in changed.items()})
        return changed

    def changed(self, partition: Partition, at: CommittedOffset) -> CommittedOffset:
        return at


class ChangesARestore(Loop):
    """Control: the offsets of a restore come through another object."""

    stream: type[RestoredThrough] = RestoredThrough

    def _restore(self, membership: Membership) -> None:
        stream = cast(SimulatedStream, self._stream)
        self._stream = self.stream(stream)
        try:
            super()._restore(membership)
        finally:
            self._stream = stream


class FromTheFirstRecord(RestoredThrough):
    def changed(self, partition: Partition, at: CommittedOffset) -> CommittedOffset:
        first = self._world.broker.inputs[partition].first
        return CommittedOffset(first, None) if at.metadata == "" else at


class StartsOverWithoutOffsetMetadata(ChangesARestore):
    """Step 1: an operator's offset without metadata is not obeyed, the partition starts at its first record."""

    stream = FromTheFirstRecord


class SkipsDeletedRecordsSilently(Loop):
    """Step 1: the offset moves behind deleted records, and the committed state does not say how many."""

    def _commit_skipped(
        self, skipped: Mapping[Partition, int], restored: Mapping[Partition, CommittedCounts], membership: Membership
    ) -> None:
        for partition, offsets in skipped.items():
            at = restored[partition]
            counts = at.counts.plus_skipped(-offsets)
            cast(dict[Partition, CommittedCounts], restored)[partition] = replace(at, counts=counts)
        super()._commit_skipped(skipped, restored, membership)


class CommitsSkippedRecordsWithTheNextBatch(Loop):
    """Step 1: what was skipped is published to Redis, and counted again by each restore until a batch is committed."""

    def _commit_skipped(
        self, skipped: Mapping[Partition, int], restored: Mapping[Partition, CommittedCounts], membership: Membership
    ) -> None:
        """Commit nothing."""


class KeepsCountsWhereMetadataIsMissing(Loop):
    """Step 1: where an operator's offset has no metadata, the counts are those that the worker remembers."""

    def _restore(self, membership: Membership) -> None:
        remembered = getattr(self, "_last_counts", {})
        super()._restore(membership)
        for partition, committed in self._committed_counts.items():
            if partition in remembered and committed.counts == RunningCounts():
                self._committed_counts[partition] = replace(committed, counts=remembered[partition].counts)
        self._last_counts = remembered | self._committed_counts


class NeverCommitsPassedOffsets(Loop):
    """Step 7: the committed offset is the one after the last record, so that markers look like records that wait."""

    def _commit_passed_offsets(self) -> None:
        """Commit nothing."""

    def _committed_after(self, results):  # type: ignore[no-untyped-def]
        self._read_to = {}
        return super()._committed_after(results)


class KeepsPositionsOverARestore(Loop):
    """Step 1: positions from before a change of the membership, or before an error, are committed after it."""

    def _restore(self, membership: Membership) -> None:
        read_to = self._read_to
        super()._restore(membership)
        self._read_to = {
            partition: offset for partition, offset in read_to.items() if partition in self._committed_counts
        }


class RewrittenLabel(Loop):
    """Control: positions and a part of a batch, rewritten."""

    passes_what_is_not_labelled = False

    def _label(self, records: Sequence[Record]) -> list[RecordOutcome]:
        self._polled_to = self._read_to
        results = super()._label(records)
        self._is_part = len(results) < len(records)
        return results

    def _committed_after(self, results):  # type: ignore[no-untyped-def]
        self._read_to = {} if self._is_part and not self.passes_what_is_not_labelled else self._polled_to
        return super()._committed_after(results)


class PassesOverRecordsThatAreNotLabelled(RewrittenLabel):
    """Step 7: a slow model labels a part of the batch, and the position behind the whole batch is committed."""

    passes_what_is_not_labelled = True
