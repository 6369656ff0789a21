"""The offset and the running counts that a partition has after the next commit. Pure functions."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tweets.records import Partition
from worker.counts import CommittedCounts
from worker.labelling import RecordOutcome


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
        if result.emotion is not None:
            labels.append(result.emotion)
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
