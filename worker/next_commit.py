"""The offset, the running counts and the windows that a partition has after the next commit. Pure functions."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tweets.periods import CountedTweet
from tweets.records import Partition
from worker.counts import CommittedCounts
from worker.labelling import RecordOutcome
from worker.partition_state import PartitionState
from worker.windows.after_batch import windows_after
from worker.windows.state import PartitionWindows


def states_after(
    results: Iterable[RecordOutcome],
    committed_counts: Mapping[Partition, CommittedCounts],
    windows: Mapping[Partition, PartitionWindows],
    read_to: Mapping[Partition, int],
    *,
    now_s: float,
) -> dict[Partition, PartitionState]:
    """Return the committed states with these results, for each partition whose offset moves.

    `read_to` are next offsets to read that lie after every record before them: markers are passed over.
    """
    offsets: dict[Partition, int] = {}
    labelled: dict[Partition, list[CountedTweet]] = {}
    for result in results:
        partition = result.record.partition
        offsets[partition] = result.record.offset + 1
        tweets = labelled.setdefault(partition, [])
        if result.emotion is not None:
            tweets.append(CountedTweet(result.event_ms, result.emotion, result.subjects))
    states = states_with_passed_offsets(committed_counts, windows, read_to)
    for partition, offset in offsets.items():
        before, tweets = committed_counts[partition], labelled[partition]
        counts = CommittedCounts(
            before.generation,
            max(offset, read_to.get(partition, 0)),
            before.counts.plus(tweet.emotion for tweet in tweets),
        )
        after = windows_after(windows[partition], tweets, now_s)
        states[partition] = PartitionState(counts, after.windows, after.records, after.changed, after.late)
    return states


def states_with_passed_offsets(
    committed_counts: Mapping[Partition, CommittedCounts],
    windows: Mapping[Partition, PartitionWindows],
    read_to: Mapping[Partition, int],
) -> dict[Partition, PartitionState]:
    """Return the committed states with the new offset of each partition in which only offsets were passed."""
    return {
        partition: PartitionState(replace(committed_counts[partition], offset=offset), windows[partition])
        for partition, offset in read_to.items()
        if offset > committed_counts[partition].offset
    }
