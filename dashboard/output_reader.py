"""Reads the output topic as anybody may: read_committed, without a group, so that nothing is ever committed."""

from collections.abc import Collection, Mapping
from typing import Final, Self

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from dashboard.labelled import Labelled, read_labelled
from worker import time_limits
from worker.errors import TransientError
from worker.kafka.client import consumer_arguments
from worker.kafka.errors import translated
from worker.settings import Settings

_MAX_RECORDS: Final = 2_000


class UnreadableOutputError(TransientError):
    """The client cannot get past a record; go on at the end of the topic."""


class OutputReader:
    """Follows partitions from where it is told. Methods raise TransientError or FatalError."""

    def __init__(self, settings: Settings) -> None:
        """Connect after the brokers were seen to answer: the client leaks a thread if they do not."""
        self._settings = settings
        self._topic = settings.kafka_output_topic
        try:
            self._consumer = KafkaConsumer(
                **consumer_arguments(settings),
                group_id=None,
                max_poll_records=_MAX_RECORDS,
            )
        except KafkaError as error:
            raise translated(error, settings.kafka_bootstrap_servers) from error

    def follow(self, starts: Mapping[int, int], *, again: Collection[int] = ()) -> None:
        """Reads these partitions, each from its offset on; those that were followed before go on, unless in `again`."""
        following = {TopicPartition(self._topic, number): offset for number, offset in starts.items()}
        before = self._consumer.assignment()
        self._consumer.assign(list(following))
        for partition, offset in following.items():
            if partition not in before or partition.partition in again:
                self._consumer.seek(partition, offset)

    def poll(self, timeout_s: float) -> list[tuple[int, int, Labelled | None]]:
        """What has come: partition, offset, and the labelled tweet or None for something else.

        Raises UnreadableOutputError for a record that the client cannot read: only a new consumer gets past it.
        """
        try:
            polled = self._consumer.poll(timeout_ms=round(timeout_s * 1000))
        except Exception as error:
            raise UnreadableOutputError(f"{self._topic} cannot be read on ({type(error).__name__})") from error
        return [
            (each.partition, each.offset, self._labelled(each.partition, each.offset, each.timestamp, each.value))
            for records in polled.values()
            for each in records
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close(autocommit=False, timeout_ms=time_limits.CLOSE.ms)

    def _labelled(self, partition: int, offset: int, timestamp_ms: int, value: bytes | None) -> Labelled | None:
        return read_labelled(value, place=f"{partition}@{offset}", timestamp_ms=timestamp_ms)
