"""Reads minutes, hours and days from the checkpoint topic, for a Redis that has lost them."""

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from typing import Final

from kafka import KafkaConsumer, TopicPartition

from tweets.periods import Cells, Period
from tweets.records import Partition
from worker import checkpoint, time_limits
from worker.counts import CommittedCounts
from worker.kafka.checkpoints import read_checkpoints_with_windows, read_values
from worker.kafka.client import Consumer, consumer_arguments
from worker.kafka.offsets import end_offsets, first_offsets
from worker.settings import Settings
from worker.windows.records import decode_cells, name
from worker.windows.state import PartitionWindows, WindowUpdate

SPAN: Final = 2_000
"""Offsets of all partitions that are read and held in memory at once: at most 20 MB with 100 tweet topics."""


def read_windows(settings: Settings, partitions: Collection[Partition]) -> dict[Partition, PartitionWindows]:
    """Return the committed windows of each partition that has some. Needs no group and changes nothing.

    Raises TransientError if nothing can be read for time_limits.CHECKPOINTS, FatalError if the checkpoint topic does
    not exist, and the errors of kafka-python.
    """
    found = read_checkpoints_with_windows(settings, partitions, _maybe_newer)
    return {partition: each.windows for partition, each in found.items() if each.windows is not None}


def read_open_windows(settings: Settings, partitions: Collection[Partition]) -> dict[Partition, WindowUpdate]:
    """Return the open periods of each partition, as its owner publishes them after a restore. Raises as above."""
    found = read_checkpoints_with_windows(settings, partitions, _maybe_newer)
    now_s = time.time()
    return {
        partition: WindowUpdate(each.windows_commit.generation, each.windows_commit.offset, each.windows.current(now_s))
        for partition, each in found.items()
        if each.windows is not None and each.windows_commit is not None
    }


def read_closed_periods(
    settings: Settings, partitions: Collection[Partition]
) -> Iterator[tuple[Partition, Period, Cells]]:
    """Yield every closed period that is kept, the latest commits of all partitions first.

    What the partitions have of one period mostly comes close together, so that the period is published once. Memory
    does not grow with the number of periods. Raises as above.
    """
    found = read_windows(settings, partitions).items()
    wanted = {partition: {name(period): period for period in windows.closed} for partition, windows in found}
    wanted = {partition: periods for partition, periods in wanted.items() if periods}
    if wanted:
        with closing(Consumer(**consumer_arguments(settings), group_id=None)) as consumer:
            yield from _closed_periods(consumer, settings, wanted)


def _closed_periods(
    consumer: KafkaConsumer, settings: Settings, wanted: Mapping[Partition, dict[str, Period]]
) -> Iterator[tuple[Partition, Period, Cells]]:
    """Search all partitions backwards, step by step: the newest record of a name hides the older ones."""
    group, topic = settings.kafka_group_id, settings.kafka_checkpoint_topic
    partitions = {TopicPartition(topic, partition.number): partition for partition in wanted}
    keys = {at: checkpoint.key(group, partition) + b"|" for at, partition in partitions.items()}
    first = first_offsets(consumer, set(partitions), time_limits.OFFSET_LOOKUP)
    ends = dict(end_offsets(consumer, set(partitions), time_limits.OFFSET_LOOKUP))
    while unread := [at for at, partition in partitions.items() if wanted[partition] and ends[at] > first[at]]:
        span = max(1, SPAN // len(unread))
        ranges = {at: (max(first[at], ends[at] - span), ends[at]) for at in unread}
        for at, values in read_values(consumer, ranges, {at: keys[at] for at in unread}).items():
            for record, value in values.newest.items():
                period = wanted[partitions[at]].pop(record, None)
                cells = decode_cells(value)
                if period is not None and cells is not None:  # None: the period has expired meanwhile
                    yield partitions[at], period, cells
        ends |= {at: start for at, (start, _) in ranges.items()}


def _maybe_newer(_partition: Partition, _state: CommittedCounts | None) -> bool:
    """Wait for the end of open transactions, which may be before the last commit."""
    return False
