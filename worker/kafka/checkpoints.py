"""Reads the newest state of partitions from the checkpoint topic, and the windows that the state names."""

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from kafka import KafkaConsumer, TopicPartition

from tweets.records import Partition
from worker import checkpoint, time_limits
from worker.counts import CommittedCounts
from worker.errors import ExitCode, FatalError, TransientError
from worker.kafka.client import Consumer, consumer_arguments
from worker.kafka.offsets import end_offsets, first_offsets, position
from worker.settings import Settings
from worker.windows.closed_periods import ClosedPeriods
from worker.windows.records import CLOSED, WINDOWS, WindowSummary, decode_cells, decode_closed, period_of
from worker.windows.state import PartitionWindows

SPANS: Final = (100, 350, 1_200, 5_000, 20_000, None)
"""Offsets before the end that are searched, then more, then all: the newest record of a key is mostly near the end.

Each commit adds the records of the state and of the windows, those of the minutes that it changed, and a transaction
marker, and several groups may share the topic. The newest record of a key hides older ones, so what was searched once
is not read again.
"""

IsNewest = Callable[[Partition, CommittedCounts | None], bool]
"""Returns whether no later commit of the partition than that of the state can exist."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The newest state of a partition, and the newest windows with their commit; None where records are missing.

    The commit of the windows is another one than that of the state where a program without windows wrote the state.
    """

    state: CommittedCounts
    windows: PartitionWindows | None = None
    windows_commit: CommittedCounts | None = None


def read_checkpoints(settings: Settings, partitions: Collection[Partition]) -> dict[Partition, CommittedCounts]:
    """Return the newest committed state of each partition that has one. Needs no group and changes nothing.

    Raises TransientError if nothing can be read for time_limits.CHECKPOINTS, FatalError if the topic does not exist,
    and the errors of kafka-python.
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
        reader = CheckpointReader(consumer, settings)
        found = reader.newest(existing, stable, with_windows=with_windows)
        waiting = [p for p in existing if not is_newest(p, found[p].state if p in found else None)]
        if waiting:
            # The stable end may lie before a committed record, while an earlier transaction is open.
            ends = uncommitted_ends(settings, {TopicPartition(topic, p.number) for p in waiting})
            behind = [
                p for p in waiting if ends[TopicPartition(topic, p.number)] > stable[TopicPartition(topic, p.number)]
            ]
            found |= reader.newest(behind, ends, with_windows=with_windows)
    return found


def uncommitted_ends(settings: Settings, asked: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
    """Return the end of each partition behind the records of open transactions. Raises the errors of kafka-python."""
    arguments = consumer_arguments(settings) | {"group_id": None, "isolation_level": "read_uncommitted"}
    with closing(Consumer(**arguments)) as consumer:
        return end_offsets(consumer, asked, time_limits.OFFSET_LOOKUP)


@dataclass
class Values:
    """What a range of offsets has of one state: the newest value of each name, the earliest record first.

    The names are the rest of the keys after that of the state. `oldest_state` is the value of the first state.
    """

    newest: dict[str, bytes | None] = field(default_factory=dict)
    oldest_state: bytes | None = None

    def add(self, name: str, value: bytes | None) -> None:
        self.newest.pop(name, None)
        self.newest[name] = value
        if not name and self.oldest_state is None:
            self.oldest_state = value


@dataclass
class _Found:
    """The newest records of a partition so far: their values by the rest of the key after that of the state.

    `needed` are the names without which the search continues, and `order` all names, the earliest record first.
    """

    key: bytes
    needed: set[str]
    values: dict[str, bytes | None] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    commit: CommittedCounts | None = None
    summary: WindowSummary | None = None
    oldest_state: bytes | None = None

    def missing(self) -> bool:
        return not self.needed <= self.values.keys()

    def add(self, values: Values) -> None:
        """Add what an earlier range of offsets has; a record that was found before is later."""
        found = {name.removeprefix("|"): value for name, value in values.newest.items() if name[:1] in ("", "|")}
        self.order = [*(name for name in found if name not in self.values), *self.order]
        self.values = found | self.values
        self.oldest_state = values.oldest_state or self.oldest_state
        if WINDOWS in self.needed and self.summary is None:
            windows = checkpoint.decode_windows(self.values.get(WINDOWS))
            if windows is not None:
                self.commit, self.summary = windows
                self.needed |= self.summary.names()


class CheckpointReader:
    """Reads the topic from the end backwards."""

    def __init__(self, consumer: KafkaConsumer, settings: Settings) -> None:
        self._consumer = consumer
        self._settings = settings

    def newest(
        self, partitions: Collection[Partition], ends: Mapping[TopicPartition, int], *, with_windows: bool
    ) -> dict[Partition, Checkpoint]:
        """Return the newest state before these ends of each partition that has one."""
        topic, group = self._settings.kafka_checkpoint_topic, self._settings.kafka_group_id
        asked = {partition: TopicPartition(topic, partition.number) for partition in partitions}
        needed = {"", WINDOWS} if with_windows else {""}
        found = {at: _Found(checkpoint.key(group, partition), set(needed)) for partition, at in asked.items()}
        first = first_offsets(self._consumer, set(found), time_limits.OFFSET_LOOKUP)
        searched = dict(ends)
        for span in SPANS:
            missing = [each for each, so_far in found.items() if so_far.missing()]
            starts = {each: first[each] if span is None else max(first[each], ends[each] - span) for each in missing}
            ranges = {each: (start, searched[each]) for each, start in starts.items() if start < searched[each]}
            for each, values in read_values(self._consumer, ranges, {each: found[each].key for each in ranges}).items():
                found[each].add(values)
            searched |= starts
        whole = {each for each, offset in searched.items() if each in first and offset <= first[each]}
        read: dict[Partition, Checkpoint] = {}
        for partition, at in asked.items():
            state = checkpoint.decode(found[at].values.get(""))
            if state is not None:
                windows = _windows(found[at], is_whole=at in whole)
                read[partition] = Checkpoint(state, windows, found[at].commit if windows else None)
        return read


def read_values(
    consumer: KafkaConsumer,
    ranges: Mapping[TopicPartition, tuple[int, int]],
    keys: Mapping[TopicPartition, bytes],
) -> dict[TopicPartition, Values]:
    """Read each range of offsets, without its end; return the values of the keys that begin with the key.

    Raises TransientError if nothing can be read for time_limits.CHECKPOINTS: how long all of it takes depends on how
    much it is.
    """
    values = {each: Values() for each in ranges}
    consumer.assign(list(ranges))
    for partition, (start, _) in ranges.items():
        consumer.seek(partition, start)
    reached, reached_at_s = dict[TopicPartition, int](), time.monotonic()
    while unread := [each for each, (_, end) in ranges.items() if (position(consumer, each) or 0) < end]:
        for partition, records in consumer.poll(timeout_ms=time_limits.RECOUNT_POLL.ms, max_records=10_000).items():
            end, key = ranges[partition][1], keys[partition]
            for record in records:
                if record.offset < end and record.key is not None and record.key.startswith(key):
                    values[partition].add(record.key[len(key) :].decode(errors="replace"), record.value)
        now = {each: position(consumer, each) or 0 for each in unread}
        if now != reached:
            reached, reached_at_s = now, time.monotonic()
        elif time.monotonic() - reached_at_s > time_limits.CHECKPOINTS.seconds:
            stuck = next((each for each in unread if now[each] < ranges[each][1]), unread[0])
            raise TransientError(
                f"{stuck.topic}[{stuck.partition}]@{now[stuck]}: nothing could be read for "
                f"{time_limits.CHECKPOINTS.seconds:g} s"
            )
    return values


def _windows(found: _Found, *, is_whole: bool) -> PartitionWindows | None:
    """Return the windows of the records; None without a summary, or if a record is missing that the summary names.

    `is_whole`: the whole partition was searched.
    """
    if found.summary is None:
        return None
    closed = decode_closed(found.values.get(CLOSED)) if found.summary.closed else ClosedPeriods()
    if closed is None:
        return None
    names = found.summary.names()
    needed = {name: found.values.get(name) for name in found.order if name in names or period_of(name) in closed}
    cells = {name: decode_cells(value) for name, value in needed.items() if name != CLOSED}
    whole = {name: each for name, each in cells.items() if each is not None}
    if not names - {CLOSED} <= whole.keys():
        return None
    oldest = checkpoint.decode(found.oldest_state)
    since = 0 if is_whole else None if oldest is None else oldest.offset
    return PartitionWindows.restored(found.summary, whole, closed, written=found.order, complete_since=since)
