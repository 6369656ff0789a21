"""Kafka records as the project sees them, without any Kafka client."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

Headers = Sequence[tuple[str, bytes | None]]


class Partition(NamedTuple):
    """A partition of a Kafka topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.number}]"


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was fetched; `timestamp_ms` is its Kafka timestamp in Unix milliseconds."""

    partition: Partition
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    unreadable: str | None = None  # why the client could not read the record; key, value and headers are unknown then

    @property
    def size_bytes(self) -> int:
        """Bytes of key and value."""
        return len(self.key or b"") + len(self.value or b"")


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """A record to be published to the partition number that its input record came from."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers


def max_wire_bytes(key: bytes | None, value: bytes, headers: Headers) -> int:
    """Return an upper bound of a record's bytes in a batch of its own.

    The batch header has 61 bytes; each varint is counted with its largest size, 10 bytes
    (https://kafka.apache.org/documentation/#recordbatch).
    """
    body = sum(len(name.encode()) + len(content or b"") + 10 for name, content in headers)
    return 61 + 40 + len(key or b"") + len(value) + body
