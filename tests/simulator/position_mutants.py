"""Loops with one rule about moved, skipped or passed offsets switched off, and their controls."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tests.simulator.checkpoint_mutants import WrapsItsRestore
from tests.simulator.loop_mutants import WrappedStream
from tweets.records import Partition, Record
from worker.labelling import RecordOutcome
from worker.loop import Loop
from worker.membership import CommittedOffset, Membership, StoredState
from worker.restoring import Restored, Restorer


class FromTheFirstRecord(WrappedStream):
    """A committed offset without metadata appears as the offset of the first record."""

    def restore(self, membership: Membership) -> Mapping[Partition, StoredState]:
        return {
            p: replace(found, committed=CommittedOffset(found.first, ""))
            if found.committed and not found.committed.metadata
            else found
            for p, found in self._inner.restore(membership).items()
        }


class StartsOverWithoutOffsetMetadata(WrapsItsRestore):
    """Step 1: an operator's offset without metadata is not obeyed, the partition starts at its first record."""

    wrapped = FromTheFirstRecord


class ChangedRestorer(Restorer):
    """A restorer whose result is changed."""

    def __init__(self, restorer: Restorer) -> None:
        vars(self).update(vars(restorer))

    def restore(self, stored: Mapping[Partition, StoredState], generation: int) -> Restored:
        return self.changed(super().restore(stored, generation))

    def changed(self, restored: Restored) -> Restored:
        return restored


class ChangesItsRestorer(Loop):
    """Control: the result of a restore comes through another object."""

    restorer: type[ChangedRestorer] = ChangedRestorer

    def _restore(self, membership: Membership) -> None:
        restorer, self._restorer = self._restorer, self.restorer(self._restorer)
        try:
            super()._restore(membership)
        finally:
            self._restorer = restorer


class SilentRestorer(ChangedRestorer):
    def changed(self, restored: Restored) -> Restored:
        for partition, offsets in restored.skipped.items():
            at = restored.committed_counts[partition]
            restored.committed_counts[partition] = replace(at, counts=at.counts.plus_skipped(-offsets))
        return restored


class SkipsDeletedRecordsSilently(ChangesItsRestorer):
    """Step 1: the offset moves behind deleted records, and the committed state does not say how many."""

    restorer = SilentRestorer


class LazyRestorer(ChangedRestorer):
    def changed(self, restored: Restored) -> Restored:
        return replace(restored, uncommitted=restored.uncommitted - restored.skipped.keys())


class CommitsSkippedRecordsWithTheNextBatch(ChangesItsRestorer):
    """Step 1: what was skipped is published to Redis, and counted again by each restore until a batch is committed."""

    restorer = LazyRestorer


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
