"""Reads the output topic with read_committed and without a group, so that the page commits no offset."""

from collections.abc import Collection, Mapping
from typing import Final, Self

from kafka import TopicPartition
from kafka.errors import KafkaError

from dashboard.shown_tweet import ShownTweet, read_shown_tweet
from worker import time_limits
from worker.errors import TransientError
from worker.kafka.client import Consumer, consumer_arguments
from worker.kafka.errors import translated
from worker.settings import Settings

_MAX_RECORDS: Final = 2_000
"""Records of one poll: decoding them takes tens of milliseconds, so that the figures stay up to date."""


class UnreadableOutputError(TransientError):
    """The client cannot read past a record; a new consumer must start near the end of the topic."""


class OutputReader:
    """A consumer of the output topic. Methods raise TransientError or FatalError."""

    def __init__(self, settings: Settings) -> None:
        """Connect; call this after `wait_until_reachable`, because the client leaks a thread if no broker answers."""
        self._settings = settings
        self._topic = settings.kafka_output_topic
        try:
            self._consumer = Consumer(
                **consumer_arguments(settings),
                group_id=None,
                max_poll_records=_MAX_RECORDS,
            )
        except KafkaError as error:
            raise translated(error, settings.kafka_bootstrap_servers) from error

    def follow(self, starts: Mapping[int, int], *, again: Collection[int] = ()) -> None:
        """Read these partitions, each from its offset in `starts`.

        A partition that is already followed keeps its position, unless the partition is in `again`.
        """
        following = {TopicPartition(self._topic, number): offset for number, offset in starts.items()}
        before = self._consumer.assignment()
        self._consumer.assign(list(following))
        for partition, offset in following.items():
            if partition not in before or partition.partition in again:
                self._consumer.seek(partition, offset)

    def poll(self, timeout_s: float) -> list[tuple[int, int, ShownTweet | None]]:
        """Return partition, offset and labelled tweet of the new records; None for a record that no worker wrote.

        Raises UnreadableOutputError for a record that the client cannot read.
        """
        try:
            polled = self._consumer.poll(timeout_ms=round(timeout_s * 1000))
        except Exception as error:
            raise UnreadableOutputError(
                f"the client cannot read the topic {self._topic} any further ({type(error).__name__})"
            ) from error
        return [
            (each.partition, each.offset, self._tweet(each.partition, each.offset, each.timestamp, each.value))
            for records in polled.values()
            for each in records
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close(autocommit=False, timeout_ms=time_limits.CLOSE.ms)

    def _tweet(self, partition: int, offset: int, timestamp_ms: int, value: bytes | None) -> ShownTweet | None:
        return read_shown_tweet(
            value,
            place=f"{partition}@{offset}",
            timestamp_ms=timestamp_ms,
            neutral_is_a_label=self._settings.neutral_threshold is not None,
        )
