"""Reads the newest state of partitions from the checkpoint topic."""

import time
from collections.abc import Collection, Mapping
from contextlib import closing
from typing import Final

from kafka import KafkaConsumer, TopicPartition

from tweets.records import Partition
from worker import checkpoint, time_limits
from worker.counts import CommittedCounts
from worker.errors import ExitCode, FatalError, TransientError
from worker.kafka.client import Consumer, consumer_arguments
from worker.kafka.offsets import end_offsets, first_offsets, position
from worker.settings import Settings

SPANS: Final = (8, 200, 20_000, None)
"""Offsets before the end that are searched, then more, then all: the newest record of a key is mostly near the end.

Each commit adds a record and a transaction marker, and several groups may share the topic. The newest record of a key
hides the older ones, so what was searched once is not read again.
"""


def read_checkpoints(settings: Settings, partitions: Collection[Partition]) -> dict[Partition, CommittedCounts]:
    """Return the newest committed state of each partition that has one. Needs no group and changes nothing.

    Raises TransientError after time_limits.CHECKPOINTS, FatalError if the topic does not exist, and the errors of
    kafka-python.
    """
    if not partitions:
        return {}
    topic = settings.kafka_checkpoint_topic
    arguments = consumer_arguments(settings) | {"group_id": None}
    # The end for readers of committed records may lie before a committed record, while an earlier transaction is open.
    with closing(Consumer(**(arguments | {"isolation_level": "read_uncommitted"}))) as consumer:
        numbers = consumer.partitions_for_topic(topic)
        if not numbers:
            raise FatalError(f"topic {topic} does not exist: run python -m worker create-topics", ExitCode.TOPICS)
        existing = [partition for partition in partitions if partition.number in numbers]
        asked = {TopicPartition(topic, partition.number) for partition in existing}
        ends = end_offsets(consumer, asked, time_limits.OFFSET_LOOKUP)
    with closing(Consumer(**arguments)) as consumer:
        return _Reader(consumer, settings, ends).newest(existing)


class _Reader:
    """One reading of the topic; `_found` has the newest record of each key so far."""

    def __init__(self, consumer: KafkaConsumer, settings: Settings, ends: Mapping[TopicPartition, int]) -> None:
        self._consumer = consumer
        self._ends = ends
        self._topic = settings.kafka_checkpoint_topic
        self._group = settings.kafka_group_id
        self._deadline_s = time.monotonic() + time_limits.CHECKPOINTS.seconds
        self._found: dict[bytes, CommittedCounts | None] = {}

    def newest(self, partitions: Collection[Partition]) -> dict[Partition, CommittedCounts]:
        keys = {partition: checkpoint.key(self._group, partition) for partition in partitions}
        asked = {partition: TopicPartition(self._topic, partition.number) for partition in partitions}
        first = first_offsets(self._consumer, set(asked.values()), time_limits.OFFSET_LOOKUP)
        searched = dict(self._ends)
        for span in SPANS:
            missing = {asked[p]: keys[p] for p in partitions if keys[p] not in self._found}
            starts = {
                each: first[each] if span is None else max(first[each], self._ends[each] - span) for each in missing
            }
            self._read(
                {each: (start, searched[each]) for each, start in starts.items() if start < searched[each]}, missing
            )
            searched |= starts
        found = {partition: self._found.get(name) for partition, name in keys.items()}
        return {partition: state for partition, state in found.items() if state is not None}

    def _read(self, ranges: Mapping[TopicPartition, tuple[int, int]], keys: Mapping[TopicPartition, bytes]) -> None:
        """Read each range of offsets, without its end; a later record replaces an earlier one of the same key."""
        self._consumer.assign(list(ranges))
        for partition, (start, _) in ranges.items():
            self._consumer.seek(partition, start)
        while unread := [each for each, (_, end) in ranges.items() if (position(self._consumer, each) or 0) < end]:
            if time.monotonic() > self._deadline_s:
                raise TransientError(
                    f"{unread[0].topic}[{unread[0].partition}] could not be read within "
                    f"{time_limits.CHECKPOINTS.seconds:g} s"
                )
            polled = self._consumer.poll(timeout_ms=time_limits.RECOUNT_POLL.ms, max_records=10_000)
            for partition, records in polled.items():
                end = ranges[partition][1]
                self._found |= {
                    record.key: checkpoint.decode(record.value)
                    for record in records
                    if record.offset < end and record.key == keys[partition]
                }
