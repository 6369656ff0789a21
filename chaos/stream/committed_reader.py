"""Reads topics as a consumer of committed records does, with a client that is not the project's own."""

import time
import uuid
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from chaos.errors import ChaosError
from chaos.stream.clients import CLIENT

_CONSUMER: Final = CLIENT | {
    "isolation.level": "read_committed",
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "error",
    "fetch.message.max.bytes": 4_000_000,
    "fetch.wait.max.ms": 100,
    "fetch.error.backoff.ms": 100,
    "queued.max.messages.kbytes": 16_384,
}

_SILENCE_S: Final = 60.0

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
        self._off_track = False
        group = {"bootstrap.servers": bootstrap, "group.id": f"verifier-{uuid.uuid4().hex[:12]}"}
        self._consumer = Consumer({**_CONSUMER, **group})
        self._assign()

    def read(self, most: int, timeout_s: float) -> list[Message]:
        """Return the next records, none if none comes in time. Raises KafkaException for an error without cure."""
        found = [message for message in self._consumer.consume(most, timeout_s) if self._is_next_record(message)]
        if self._off_track:
            self._assign()
        return found

    def has_reached(self, ends: Mapping[Place, int]) -> bool:
        """Return whether everything before these ends is read."""
        return all(max(self.positions[place], self.ends.get(place, 0)) >= end for place, end in ends.items())

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()

    def _assign(self) -> None:
        self._consumer.assign([TopicPartition(*place, offset) for place, offset in self.positions.items()])
        self._off_track = False

    def _is_next_record(self, message: Message) -> bool:
        place, offset = (message.topic() or "", message.partition() or 0), message.offset() or 0
        error = message.error()
        if error is None:
            is_next = offset >= self.positions[place]
            self.positions[place] = max(self.positions[place], offset + 1)
            return is_next
        if error.code() == KafkaError._PARTITION_EOF:
            self.ends[place] = offset
        elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError._LOG_TRUNCATION):
            # A new leader may know less for a moment; if the records are gone, the next attempt fails again.
            self._off_track = True
        elif error.fatal():
            raise KafkaException(error)
        return False


def read_to_ends(bootstrap: str, begin: Mapping[Place, int], ends: Mapping[Place, int]) -> Iterable[Message]:
    """Yield the records from `begin` to `ends`, which must be those of readers of committed records.

    Raises ChaosError if nothing comes for _SILENCE_S.
    """
    heard_s = time.monotonic()
    with closing(CommittedReader(bootstrap, begin)) as reader:
        while not reader.has_reached(ends):
            found = reader.read(1_000, 0.1)
            yield from found
            heard_s = time.monotonic() if found else heard_s
            if time.monotonic() > heard_s + _SILENCE_S:
                raise ChaosError(f"nothing comes of {', '.join(sorted({topic for topic, _ in ends}))}")
