"""Reads topics as a consumer of committed records does, with a client that is not the project's own."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

_CONSUMER: Final[Mapping[str, Any]] = {
    "isolation.level": "read_committed",
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "error",
    "fetch.message.max.bytes": 4_000_000,
    "fetch.wait.max.ms": 100,
    "fetch.error.backoff.ms": 100,
    "queued.max.messages.kbytes": 16_384,
    "reconnect.backoff.max.ms": 500,
    "topic.metadata.refresh.interval.ms": 2_000,
    "socket.timeout.ms": 10_000,
}

Place = tuple[str, int]
"""Topic and partition."""


class CommittedReader:
    """Reads partitions from given positions on, each in its own order.

    `positions` are the offsets after the last record of each partition, `ends` the end that was reached last, which is
    after the markers of transactions too. Without a broker, a partition has no records until the broker is back.
    """

    def __init__(self, bootstrap: str, positions: Mapping[Place, int]) -> None:
        self.positions = dict(positions)
        self.ends: dict[Place, int] = {}
        group = {"bootstrap.servers": bootstrap, "group.id": f"verifier-{uuid.uuid4().hex[:12]}"}
        self._consumer = Consumer({**_CONSUMER, **group})
        self._consumer.assign([_at(place, offset) for place, offset in positions.items()])

    def read(self, most: int, timeout_s: float) -> list[Message]:
        """Return the next records, none if none comes in time. Raises KafkaException for an error without cure."""
        return [message for message in self._consumer.consume(most, timeout_s) if self._is_record(message)]

    def has_reached(self, ends: Mapping[Place, int]) -> bool:
        """Return whether everything before these ends is read."""
        return all(max(self.positions[place], self.ends.get(place, 0)) >= end for place, end in ends.items())

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()

    def _is_record(self, message: Message) -> bool:
        place, offset = (message.topic() or "", message.partition() or 0), message.offset() or 0
        error = message.error()
        if error is None:
            self.positions[place] = offset + 1
            return True
        if error.code() == KafkaError._PARTITION_EOF:
            self.ends[place] = offset
        elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError._LOG_TRUNCATION):
            # A new leader may know less for a moment; if the records are gone, the next attempt fails again.
            self._consumer.seek(_at(place, self.positions[place]))
        elif error.fatal():
            raise KafkaException(error)
        return False


def read_to_ends(bootstrap: str, begin: Mapping[Place, int], ends: Mapping[Place, int]) -> Iterable[Message]:
    """Yield the records from `begin` to `ends`, which must be those of readers of committed records."""
    reader = CommittedReader(bootstrap, begin)
    try:
        while not reader.has_reached(ends):
            yield from reader.read(1_000, 0.1)
    finally:
        reader.close()


def _at(place: Place, offset: int) -> TopicPartition:
    return TopicPartition(*place, offset)
