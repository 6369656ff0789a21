"""Reads the newest state of partitions from the checkpoint topic, and the windows that the state names."""

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from kafka import KafkaConsumer, TopicPartition

from tweets.records import Partition
from worker import checkpoint, time_limits
from worker.closed_periods import ClosedPeriods
from worker.counts import CommittedCounts
from worker.errors import ExitCode, FatalError, TransientError
from worker.kafka.client import Consumer, consumer_arguments
from worker.kafka.offsets import end_offsets, first_offsets, position
from worker.settings import Settings
from worker.window_records import CLOSED, WindowSummary, decode_cells, decode_closed, period_of
from worker.windows import PartitionWindows, WindowLimits

SPANS: Final = (100, 350, 1_200, 5_000, 20_000, None)
"""Offsets before the end that are searched, then more, then all: the newest record of a key is mostly near the end.

Each commit adds a record of the state, those of the minutes that it changed, and a transaction marker, and several
groups may share the topic. The newest record of a key hides older ones, so what was searched once is not read again.
"""

IsNewest = Callable[[Partition, CommittedCounts | None], bool]
"""Returns whether no later commit of the partition than that of the state can exist."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The newest state of a partition, and the windows as of the same commit; None where records are missing."""

    state: CommittedCounts
    windows: PartitionWindows | None = None


def read_checkpoints(settings: Settings, partitions: Collection[Partition]) -> dict[Partition, CommittedCounts]:
    """Return the newest committed state of each partition that has one. Needs no group and changes nothing.

    Raises TransientError after time_limits.CHECKPOINTS, FatalError if the topic does not exist, and the errors of
    kafka-python.
    """
    found = _read(settings, partitions, _never, with_windows=False)
    return {partition: each.state for partition, each in found.items()}


def read_checkpoints_with_windows(
    settings: Settings, partitions: Collection[Partition], is_newest: IsNewest
) -> dict[Partition, Checkpoint]:
    """Return the newest committed state of each partition that has one, with the windows.

    Where `is_newest` says so, this does not wait for the end of transactions that are open. Raises like
    `read_checkpoints`.
    """
    return _read(settings, partitions, is_newest, with_windows=True)


def _never(_partition: Partition, _state: CommittedCounts | None) -> bool:
    return False


def _read(
    settings: Settings, partitions: Collection[Partition], is_newest: IsNewest, *, with_windows: bool
) -> dict[Partition, Checkpoint]:
    if not partitions:
        return {}
    topic = settings.kafka_checkpoint_topic
    arguments = consumer_arguments(settings) | {"group_id": None}
    with closing(Consumer(**arguments)) as consumer:
        numbers = consumer.partitions_for_topic(topic)
        if not numbers:
            raise FatalError(f"topic {topic} does not exist: run python -m worker create-topics", ExitCode.TOPICS)
        existing = [partition for partition in partitions if partition.number in numbers]
        asked = {TopicPartition(topic, partition.number) for partition in existing}
        stable = end_offsets(consumer, asked, time_limits.OFFSET_LOOKUP)
        reader = CheckpointReader(consumer, settings, time.monotonic() + time_limits.CHECKPOINTS.seconds)
        found = reader.newest(existing, stable, with_windows=with_windows)
        waiting = [p for p in existing if not is_newest(p, found[p].state if p in found else None)]
        if waiting:
            # The stable end may lie before a committed record, while an earlier transaction is open.
            ends = _uncommitted_ends(settings, {TopicPartition(topic, p.number) for p in waiting})
            behind = [
                p for p in waiting if ends[TopicPartition(topic, p.number)] > stable[TopicPartition(topic, p.number)]
            ]
            found |= reader.newest(behind, ends, with_windows=with_windows)
    return found


def _uncommitted_ends(settings: Settings, asked: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
    arguments = consumer_arguments(settings) | {"group_id": None, "isolation_level": "read_uncommitted"}
    with closing(Consumer(**arguments)) as consumer:
        return end_offsets(consumer, asked, time_limits.OFFSET_LOOKUP)


@dataclass
class _Found:
    """The newest records of a partition so far: their values by the rest of the key after that of the state.

    `names` are those of the windows that the state names, and `order` all names, the earliest record first.
    """

    key: bytes
    state: CommittedCounts | None = None
    has_state: bool = False
    summary: WindowSummary | None = None
    values: dict[str, bytes | None] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    order: list[str] = field(default_factory=list)

    def missing(self) -> bool:
        return not self.has_state or not self.names <= self.values.keys()


class CheckpointReader:
    """Reads the topic from the end backwards, until a deadline on the monotonic clock."""

    def __init__(self, consumer: KafkaConsumer, settings: Settings, deadline_s: float) -> None:
        self._consumer = consumer
        self._settings = settings
        self._deadline_s = deadline_s

    def newest(
        self, partitions: Collection[Partition], ends: Mapping[TopicPartition, int], *, with_windows: bool
    ) -> dict[Partition, Checkpoint]:
        """Return the newest state before these ends of each partition that has one."""
        topic, group = self._settings.kafka_checkpoint_topic, self._settings.kafka_group_id
        asked = {partition: TopicPartition(topic, partition.number) for partition in partitions}
        found = {asked[partition]: _Found(checkpoint.key(group, partition)) for partition in partitions}
        first = first_offsets(self._consumer, set(found), time_limits.OFFSET_LOOKUP)
        searched = dict(ends)
        for span in SPANS:
            missing = [each for each, so_far in found.items() if so_far.missing()]
            starts = {each: first[each] if span is None else max(first[each], ends[each] - span) for each in missing}
            ranges = {each: (start, searched[each]) for each, start in starts.items() if start < searched[each]}
            for each, values in self._values(ranges, found).items():
                _add(found[each], values, with_windows=with_windows)
            searched |= starts
        limits = self._settings.window_limits()
        return {
            partition: Checkpoint(so_far.state, _windows(so_far, limits) if with_windows else None)
            for partition, so_far in ((partition, found[asked[partition]]) for partition in partitions)
            if so_far.state is not None
        }

    def _values(
        self, ranges: Mapping[TopicPartition, tuple[int, int]], found: Mapping[TopicPartition, _Found]
    ) -> dict[TopicPartition, dict[str, bytes | None]]:
        keys = {each: found[each].key for each in ranges}
        return read_values(self._consumer, ranges, keys, deadline_s=self._deadline_s)


def read_values(
    consumer: KafkaConsumer,
    ranges: Mapping[TopicPartition, tuple[int, int]],
    keys: Mapping[TopicPartition, bytes],
    *,
    deadline_s: float,
) -> dict[TopicPartition, dict[str, bytes | None]]:
    """Read each range of offsets, without its end; return the newest value of each key that begins with the key.

    The names of the values are the rest of their keys, the earliest record first. Raises TransientError after the
    deadline on the monotonic clock.
    """
    values: dict[TopicPartition, dict[str, bytes | None]] = {each: {} for each in ranges}
    consumer.assign(list(ranges))
    for partition, (start, _) in ranges.items():
        consumer.seek(partition, start)
    while unread := [each for each, (_, end) in ranges.items() if (position(consumer, each) or 0) < end]:
        if time.monotonic() > deadline_s:
            stuck, limit_s = unread[0], time_limits.CHECKPOINTS.seconds
            raise TransientError(f"{stuck.topic}[{stuck.partition}] could not be read within {limit_s:g} s")
        polled = consumer.poll(timeout_ms=time_limits.RECOUNT_POLL.ms, max_records=10_000)
        for partition, records in polled.items():
            end, key, newest = ranges[partition][1], keys[partition], values[partition]
            for record in records:
                if record.offset < end and record.key is not None and record.key.startswith(key):
                    name = record.key[len(key) :].decode(errors="replace")
                    newest.pop(name, None)
                    newest[name] = record.value
    return values


def _add(found: _Found, values: Mapping[str, bytes | None], *, with_windows: bool) -> None:
    """Add what an earlier range of offsets has; a record that was found before is later."""
    of_windows = {name[1:]: value for name, value in values.items() if name.startswith("|")}
    found.order = [*(name for name in of_windows if name not in found.values), *found.order]
    found.values = of_windows | found.values
    if "" in values and not found.has_state:
        found.has_state, found.state = True, checkpoint.decode(values[""])
        summary = checkpoint.decode_windows(values[""])
        if summary is not None and with_windows:
            found.summary, found.names = summary, summary.names()


def _windows(found: _Found, limits: WindowLimits) -> PartitionWindows | None:
    """Return the windows of the records; None without a summary, or if a record is missing that the summary names."""
    if found.summary is None:
        return None
    closed = decode_closed(found.values.get(CLOSED)) if found.summary.closed else ClosedPeriods()
    if closed is None:
        return None
    needed = {name: found.values.get(name) for name in found.order if name in found.names or _is_in(name, closed)}
    cells = {name: decode_cells(value) for name, value in needed.items() if name != CLOSED}
    whole = {name: each for name, each in cells.items() if each is not None}
    if not found.names - {CLOSED} <= whole.keys():
        return None
    return PartitionWindows.restored(found.summary, whole, closed, limits=limits, written=found.order)


def _is_in(name: str, closed: ClosedPeriods) -> bool:
    return period_of(name) in closed
