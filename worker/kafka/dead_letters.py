"""Reads the dead-letter topic without being a member of a group, and the positions that replays have committed."""

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from kafka import TopicPartition, errors

from tweets.records import Partition, Record
from worker import checkpoint, time_limits
from worker.errors import ExitCode, FatalError, TransientError
from worker.kafka.checkpoints import read_values, uncommitted_ends
from worker.kafka.client import Consumer, consumer_arguments
from worker.kafka.errors import translated
from worker.kafka.offsets import committed_offsets, end_offsets, first_offsets, position, topic_id
from worker.kafka.record_reader import read_records
from worker.membership import CommittedOffset
from worker.settings import Settings
from worker.time_limits import TimeLimit

CHUNK_RECORDS = 1_000
"""Dead letters in memory at once, and in one transaction of a replay."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records in the order of each partition, and the next offset to read of each partition that has moved."""

    records: list[Record]
    read_to: Mapping[int, int]


class DeadLetterReader:
    """Reads the topic KAFKA_DEAD_LETTER_TOPIC. Methods raise TransientError or FatalError."""

    def __init__(self, settings: Settings, group: str | None = None) -> None:
        """With a `group`, `committed` and `copies` return what the group has committed; the group gets no member."""
        self._settings = settings
        self._group = group
        self._topic = settings.kafka_dead_letter_topic
        with translating_access(settings, group):
            self._consumer = Consumer(**consumer_arguments(settings), group_id=group)
            read_records(self._consumer)

    def partitions(self, topic: str | None = None) -> list[int]:
        """Return the partitions of the dead-letter topic, or of another topic."""
        topic = topic or self._topic
        with translating_access(self._settings, self._group):
            numbers = self._consumer.partitions_for_topic(topic)
        if not numbers:
            raise FatalError(
                f"topic {topic} does not exist, or this user may not see it: run python -m worker create-topics",
                ExitCode.TOPICS,
            )
        return sorted(numbers)

    def topic_id(self) -> str:
        """Return the id of the dead-letter topic; empty if the broker gives no ids."""
        return topic_id(self._consumer, self._topic)

    def ranges(self, numbers: Collection[int]) -> dict[int, tuple[int, int]]:
        """Return the first offset and the end, for readers of committed records, of each partition."""
        asked = self._asked(numbers)
        with translating_access(self._settings, self._group):
            first = first_offsets(self._consumer, asked, time_limits.VERIFY_LOOKUP)
            ends = end_offsets(self._consumer, asked, time_limits.VERIFY_LOOKUP)
        return {each.partition: (first[each], ends[each]) for each in asked}

    def committed(self, numbers: Collection[int]) -> dict[int, CommittedOffset]:
        """Return the committed offset of each partition that has one, after the end of an open transaction."""
        seconds = time_limits.VERIFY_LOOKUP.seconds + self._settings.kafka_transaction_timeout_ms / 1000
        limit = TimeLimit(seconds, "the broker ends the open transaction of a replay that was killed")
        with translating_access(self._settings, self._group):
            found = committed_offsets(self._consumer, self._asked(numbers), limit)
        return {each.partition: CommittedOffset(at.offset, at.metadata or "") for each, at in found.items()}

    def copies(self, numbers: Collection[int]) -> dict[int, bytes]:
        """Return the newest value of each partition's second copy on the checkpoint topic."""
        topic = self._settings.kafka_checkpoint_topic
        with translating_access(self._settings, self._group):
            existing = self._consumer.partitions_for_topic(topic) or ()
            asked = {TopicPartition(topic, n): copy_key(self._group or "", self._topic, n) for n in numbers}
            asked = {each: key for each, key in asked.items() if each.partition in existing}
            first = first_offsets(self._consumer, asked, time_limits.VERIFY_LOOKUP)
            # The newest copy may lie behind the open transaction of a worker, before which the stable end is.
            ends = uncommitted_ends(self._settings, asked)
            ranges = {each: (first[each], ends[each]) for each in asked if first[each] < ends[each]}
            found = read_values(self._consumer, ranges, asked)
        newest = {each.partition: values.newest.get("") for each, values in found.items()}
        return {number: value for number, value in newest.items() if value is not None}

    def read(self, ranges: Mapping[int, tuple[int, int]]) -> Iterator[Chunk]:
        """Yield the records of each range of offsets, without its end.

        Raises TransientError if nothing can be read for time_limits.DEAD_LETTERS.
        """
        reached = {number: start for number, (start, end) in ranges.items() if start < end}
        with translating_access(self._settings, self._group):
            self._consumer.assign(self._asked(reached))
            for number, start in reached.items():
                self._consumer.seek(TopicPartition(self._topic, number), start)
        read_at_s = time.monotonic()
        while reached:
            chunk = self._poll(reached, ranges)
            if chunk.read_to:
                yield chunk
                reached |= chunk.read_to
                reached = {number: at for number, at in reached.items() if at < ranges[number][1]}
                read_at_s = time.monotonic()
            elif time.monotonic() - read_at_s > time_limits.DEAD_LETTERS.seconds:
                number = min(reached)
                raise TransientError(
                    f"{Partition(self._topic, number)}@{reached[number]}: nothing could be read for "
                    f"{time_limits.DEAD_LETTERS.seconds:g} s"
                )

    def _poll(self, reached: Mapping[int, int], ranges: Mapping[int, tuple[int, int]]) -> Chunk:
        with translating_access(self._settings, self._group):
            polled = self._consumer.poll(timeout_ms=time_limits.RECOUNT_POLL.ms, max_records=CHUNK_RECORDS)
            now = {n: self._next(n, at) for n, at in reached.items()}
        for number, at in now.items():
            if at < reached[number]:  # the client starts again where Kafka does not have the offset
                raise TransientError(
                    f"{Partition(self._topic, number)}: the client reads at {at} again, after {reached[number]}: the "
                    "topic was created again, or has lost records"
                )
        read_to = {n: min(at, ranges[n][1]) for n, at in now.items() if at > reached[n]}
        # A worker may write more dead letters meanwhile.
        wanted = {n: range(start, ranges[n][1]) for n, start in reached.items()}
        read = (record for of_partition in polled.values() for record in of_partition)
        return Chunk([each for each in read if each.offset in wanted.get(each.partition.number, ())], read_to)

    def _next(self, number: int, otherwise: int) -> int:
        at = position(self._consumer, TopicPartition(self._topic, number))
        return otherwise if at is None else at

    def _asked(self, numbers: Collection[int]) -> list[TopicPartition]:
        return [TopicPartition(self._topic, number) for number in sorted(numbers)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close(autocommit=False)


def copy_key(group: str, topic: str, number: int) -> bytes:
    """Return the key of the second copy of a replay's position on the checkpoint topic."""
    return checkpoint.key(group, Partition(topic, number))


@contextmanager
def translating_access(settings: Settings, group: str | None) -> Iterator[None]:
    """Raise TransientError or FatalError in place of the client's errors; name the permissions of these commands."""
    try:
        yield
    except (TransientError, FatalError):
        raise
    except errors.AuthorizationError as error:
        replay = (
            f"; a replay also needs READ on the group {group} and the topic {settings.kafka_checkpoint_topic}, WRITE "
            f"on the topics {settings.kafka_input_topic} and {settings.kafka_checkpoint_topic} and the transactional "
            f"id {group}"
        )
        raise FatalError(
            f"Kafka at {settings.kafka_bootstrap_servers} does not allow this operation to this user ({error}): grant "
            f"READ on the topic {settings.kafka_dead_letter_topic}{replay if group else ''}",
            ExitCode.KAFKA,
        ) from error
    except Exception as error:  # of kafka-python, and any other of a connection that closes meanwhile
        raise translated(error, settings.kafka_bootstrap_servers) from error
