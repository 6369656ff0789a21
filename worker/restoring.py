"""Where a worker continues with a partition, with which counts and windows: the decision of step 1. No client.

Position and counts have two durable copies, which each commit writes in one transaction: the committed offset with its
metadata, and a record on the checkpoint topic. The first copy counts wherever it is complete. Kafka deletes committed
offsets of a group without members after `offsets.retention.minutes`; tools move or delete them.
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from tweets.records import Partition
from worker.counts import CommittedCounts, MetadataLimit, RunningCounts
from worker.errors import ExitCode, FatalError
from worker.membership import StoredState
from worker.partition_state import PartitionState
from worker.restoring_windows import RestoredWindows, restored_windows
from worker.windows.state import WindowLimits

log = logging.getLogger(__name__)

ACCEPT_EMPTY_STATE: Final = "python -m worker --accept-empty-state"
"""The command that starts partitions from zero though they have been counted before."""

RedisCounts = Callable[[Collection[Partition]], Mapping[Partition, int]]
"""Returns how many tweets Redis counts in each of the partitions; nothing where Redis cannot be asked."""


@dataclass(frozen=True, slots=True)
class Restored:
    """The restored partitions, as their next commit will extend them.

    `uncommitted` are the partitions whose restored state is not the committed one: the worker commits it before Redis
    gets it, a state of zero too, so that no generation is in Redis and not in the second copy.
    `from_checkpoint` are those of them whose state came from the checkpoint topic. `skipped` is how many offsets Kafka
    has deleted before a worker read them. `windows` are those of all partitions.
    """

    committed_counts: dict[Partition, CommittedCounts]
    uncommitted: frozenset[Partition] = frozenset()
    from_checkpoint: frozenset[Partition] = frozenset()
    skipped: Mapping[Partition, int] = field(default_factory=dict)
    windows: Mapping[Partition, RestoredWindows] = field(default_factory=dict, compare=False)

    def states(self) -> dict[Partition, PartitionState]:
        """Return the state of each partition, with all open periods as the changed ones."""
        return {
            partition: PartitionState(counts, at.windows, at.deleted, at.current)
            for partition, counts in self.committed_counts.items()
            for at in (self.windows[partition],)
        }

    def uncommitted_states(self) -> dict[Partition, PartitionState]:
        """Return the states to commit at once."""
        return {partition: state for partition, state in self.states().items() if partition in self.uncommitted}


class Restorer:
    """Decides from what is stored; asks Redis only about partitions of which Kafka holds nothing."""

    def __init__(
        self,
        metadata_limit: MetadataLimit | None = None,
        *,
        redis_counts: RedisCounts = lambda _partitions: {},
        accept_empty_state: bool = False,
        window_limits: WindowLimits | None = None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._metadata_limit = metadata_limit or MetadataLimit()
        self._redis_counts = redis_counts
        self._accept_empty_state = accept_empty_state
        self._window_limits = window_limits or WindowLimits()
        self._now_s = now_s

    def restore(self, stored: Mapping[Partition, StoredState], generation: int) -> Restored:
        """Return offset and counts of each partition in this generation of the group.

        Raises FatalError with the exit code STATE if the state of a partition is lost, is of another topic of the same
        name, or does not fit into the offset metadata.
        """
        self._require_state(stored)
        committed_counts: dict[Partition, CommittedCounts] = {}
        uncommitted: set[Partition] = set()
        skipped: dict[Partition, int] = {}
        windows: dict[Partition, RestoredWindows] = {}
        for partition, found in stored.items():
            position, counts, complete = self._found(partition, found)
            windows[partition] = restored_windows(partition, found, counts, self._window_limits, self._now_s())
            if position < found.first:
                skipped[partition] = found.first - position
                _log_skipped(partition, position, found.first)
            counts = replace(counts.plus_skipped(skipped.get(partition, 0)), topic_id=found.topic_id or counts.topic_id)
            committed_counts[partition] = CommittedCounts(
                counts.generation_base + generation, max(position, found.first), counts
            )
            if partition in skipped or not complete or windows[partition].uncommitted:
                uncommitted.add(partition)
        self._metadata_limit.check(committed_counts)
        # The checkpoint of an accepted start from zero was not used, and a state of zero is no loss to report.
        from_checkpoint = {
            p
            for p in uncommitted
            if stored[p].checkpoint and stored[p].counts is None and committed_counts[p].counts.totals
        }
        return Restored(committed_counts, frozenset(uncommitted), frozenset(from_checkpoint), skipped, windows)

    def _found(self, partition: Partition, found: StoredState) -> tuple[int, RunningCounts, bool]:
        """Return the position, the counts, and whether the committed offset says the same."""
        committed, checkpoint = found.committed, found.checkpoint
        counts = found.counts
        if committed is not None and counts is not None:
            return self._of_this_topic(partition, found, committed.offset, counts)
        if checkpoint is None or (committed is None and _is_of_another_topic(checkpoint.counts, found)):
            if checkpoint is not None and not self._accept_empty_state:
                raise _recreated(partition, checkpoint.offset)
            return self._empty(partition, found, 0 if checkpoint is None else checkpoint.generation)
        counts = replace(checkpoint.counts, topic_id="", generation_base=self._generation_base(checkpoint.generation))
        if committed is not None:
            log.error(
                "%s@%d: the committed offset has no readable offset metadata (was it moved by a tool?): continuing "
                "there, with the %d tweets counted up to offset %d according to the checkpoint topic",
                partition,
                committed.offset,
                sum(counts.totals.values()),
                checkpoint.offset,
            )
            return committed.offset, counts, False
        log.error(
            "%s: the group has no committed offset any more (Kafka deletes the offsets of a group without members "
            "after offsets.retention.minutes): continuing at offset %d with %d counted tweets, from the checkpoint "
            "topic",
            partition,
            checkpoint.offset,
            sum(counts.totals.values()),
        )
        return checkpoint.offset, counts, False

    def _of_this_topic(
        self, partition: Partition, found: StoredState, offset: int, counts: RunningCounts
    ) -> tuple[int, RunningCounts, bool]:
        if not _is_of_another_topic(counts, found):
            # Without the id, a worker of an earlier release committed last: the second copy is missing or older.
            return offset, counts, bool(counts.topic_id) or not found.topic_id
        if not self._accept_empty_state:
            raise _recreated(partition, offset)
        return self._empty(partition, replace(found, committed=None), counts.generation_base)

    def _empty(self, partition: Partition, found: StoredState, generation: int) -> tuple[int, RunningCounts, bool]:
        """Return counts of zero, later than the generation; `_require_state` has raised if a state is lost."""
        position = found.first if found.committed is None else found.committed.offset
        if not self._accept_empty_state:
            if found.committed is not None:
                log.warning("%s@%d: the committed offset has no counts: counting from zero", partition, position)
            return position, RunningCounts(), False
        log.warning("%s@%d: counting from zero, as --accept-empty-state says", partition, position)
        return position, RunningCounts(generation_base=self._generation_base(generation)), False

    def _generation_base(self, generation: int) -> int:
        """Return a number above every earlier generation: Redis refuses the counts of an earlier generation as stale.

        A group that lost its offsets begins again at generation 1. The checkpoint has the generation of the last
        commit, and later owners may have published without a commit: Unix time is above these as well.
        """
        return max(generation, int(self._now_s()))

    def _require_state(self, stored: Mapping[Partition, StoredState]) -> None:
        """Raise FatalError if a partition without any stored state has been counted before."""
        lost = {p: found for p, found in stored.items() if found.checkpoint is None and found.counts is None}
        if not lost or self._accept_empty_state:
            return
        for partition, found in lost.items():
            if found.output_end > 0:
                raise _lost(partition, f"the output topic has records in partition {partition.number}")
        for partition, count in self._redis_counts(lost).items():
            if count > 0:
                raise _lost(partition, f"Redis counts {count} tweets of this group and partition")


def _is_of_another_topic(counts: RunningCounts, found: StoredState) -> bool:
    return bool(counts.topic_id and found.topic_id and counts.topic_id != found.topic_id)


def _lost(partition: Partition, evidence: str) -> FatalError:
    return FatalError(
        f"{partition}: the group has no committed counts and the checkpoint topic has none, but {evidence}: import the "
        f"state with python -m worker import-state, or count from zero with {ACCEPT_EMPTY_STATE}",
        ExitCode.STATE,
    )


def _recreated(partition: Partition, offset: int) -> FatalError:
    return FatalError(
        f"{partition}@{offset}: this offset and its counts are of another topic named {partition.topic}, which was "
        "deleted and created again, or is of another cluster: set the group's offsets with kafka-consumer-groups "
        "--reset-offsets to continue with the counts, move them with python -m worker import-state, or count from zero "
        f"with {ACCEPT_EMPTY_STATE}",
        ExitCode.STATE,
    )


def _log_skipped(partition: Partition, position: int, first: int) -> None:
    log.error(
        "%s: Kafka deleted the records from offset %d to %d before a worker read them (retention or delete-records): "
        "skipping to offset %d",
        partition,
        position,
        first - 1,
        first,
    )
