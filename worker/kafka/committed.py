"""Reads the committed counts of the group from the offset metadata, and recounts the output topic."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from tweets.records import Partition
from worker import time_limits
from worker.counts import RunningCounts
from worker.errors import ExitCode, FatalError, TransientError
from worker.kafka.client import consumer_arguments
from worker.kafka.errors import translated
from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class Committed:
    """A partition's committed input offset and running counts; `counts` is None without readable metadata."""

    offset: int
    counts: RunningCounts | None


class CommittedReader:
    """Reads the group's committed offsets without joining the group. Methods raise TransientError or FatalError."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._counted: dict[int, Counter[str]] = {}
        self._counted_to: dict[int, int] = {}
        with self._translating():
            self._consumer = KafkaConsumer(**consumer_arguments(settings), group_id=settings.kafka_group_id)

    @property
    def topic(self) -> str:
        """The input topic."""
        return self._settings.kafka_input_topic

    def committed(self) -> dict[Partition, Committed]:
        """Return the committed offset and counts of every input partition that has a committed offset."""
        topic = self._settings.kafka_input_topic
        found = {}
        with self._translating():
            partitions = self._consumer.partitions_for_topic(topic)
            if not partitions:
                raise FatalError(f"topic {topic} does not exist: check KAFKA_INPUT_TOPIC", ExitCode.TOPICS)
            for number in sorted(partitions):
                at = self._consumer.committed(
                    TopicPartition(topic, number), metadata=True, timeout_ms=time_limits.VERIFY_LOOKUP.ms
                )
                if at is not None and at.offset >= 0:
                    found[Partition(topic, number)] = Committed(at.offset, RunningCounts.from_metadata(at.metadata))
        return found

    def recount(self, number: int) -> RunningCounts | None:
        """Return the counts of all labelled tweets in this partition of the output topic.

        None if retention has deleted records of the partition. A second recount reads only the records since the first.
        Raises TransientError after time_limits.RECOUNT.
        """
        partition = TopicPartition(self._settings.kafka_output_topic, number)
        with self._translating():
            if self._consumer.beginning_offsets([partition], timeout_ms=time_limits.VERIFY_LOOKUP.ms)[partition] > 0:
                return None
            end = self._consumer.end_offsets([partition], timeout_ms=time_limits.VERIFY_LOOKUP.ms)[partition]
            self._consumer.assign([partition])
            self._consumer.seek(partition, self._counted_to.get(number, 0))
            counts = self._counted.setdefault(number, Counter())
            deadline_s = time.monotonic() + time_limits.RECOUNT.seconds
            while (self._consumer.position(partition, timeout_ms=time_limits.VERIFY_LOOKUP.ms) or 0) < end:
                if time.monotonic() > deadline_s:
                    limit_s = time_limits.RECOUNT.seconds
                    raise TransientError(f"{partition.topic}[{number}]: reading took more than {limit_s:g} s")
                for records in self._consumer.poll(timeout_ms=time_limits.RECOUNT_POLL.ms, max_records=10_000).values():
                    counts.update(json.loads(record.value)["emotion"] for record in records)
            self._counted_to[number] = end
        return RunningCounts(dict(counts))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close(autocommit=False)

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except KafkaError as error:
            raise translated(error, self._settings.kafka_bootstrap_servers) from error
        except (ValueError, KeyError, TypeError) as error:
            raise TransientError(
                f"topic {self._settings.kafka_output_topic} has a record that no worker wrote ({type(error).__name__})"
            ) from error
