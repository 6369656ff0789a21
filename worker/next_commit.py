"""The offset and the running counts that a partition has after a restore, and after the next commit. Pure functions."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace

from tweets.records import Partition
from worker.counts import CommittedCounts, RunningCounts
from worker.labelling import RecordOutcome
from worker.membership import CommittedOffset

log = logging.getLogger(__name__)


def counts_at_restore(partition: Partition, committed: CommittedOffset, generation: int) -> CommittedCounts:
    """Return what the broker has committed for a partition; counts from zero without readable offset metadata."""
    counts = RunningCounts.from_metadata(committed.metadata or "")
    if counts is None and committed.metadata is not None:
        log.error(
            "%s@%d: the committed offset has no readable offset metadata (was it moved by a tool?): "
            "counting this partition from zero",
            partition,
            committed.offset,
        )
    counts = (counts or RunningCounts()).plus_skipped(committed.skipped)
    return CommittedCounts(generation, committed.offset, counts)


def counts_after(
    results: Iterable[RecordOutcome],
    committed_counts: Mapping[Partition, CommittedCounts],
    read_to: Mapping[Partition, int],
) -> dict[Partition, CommittedCounts]:
    """Return the committed counts with these results, for each partition whose offset moves.

    `read_to` are next offsets to read that lie after every record before them: markers are passed over.
    """
    offsets: dict[Partition, int] = {}
    emotions: dict[Partition, list[str]] = {}
    for result in results:
        partition = result.record.partition
        offsets[partition] = result.record.offset + 1
        labels = emotions.setdefault(partition, [])
        if result.prediction is not None:
            labels.append(result.prediction.emotion)
    return counts_with_passed_offsets(committed_counts, read_to) | {
        partition: CommittedCounts(
            committed_counts[partition].generation,
            max(offset, read_to.get(partition, 0)),
            committed_counts[partition].counts.plus(emotions[partition]),
        )
        for partition, offset in offsets.items()
    }


def counts_with_passed_offsets(
    committed_counts: Mapping[Partition, CommittedCounts], read_to: Mapping[Partition, int]
) -> dict[Partition, CommittedCounts]:
    """Return the committed counts with the new offset of each partition in which only offsets were passed."""
    return {
        partition: replace(committed_counts[partition], offset=offset)
        for partition, offset in read_to.items()
        if offset > committed_counts[partition].offset
    }
