"""Kafka records as plain data, independent of any Kafka client."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

Headers = Sequence[tuple[str, bytes | None]]

HEADER_BYTES: Final = 150
"""Memory of a header beside its characters and bytes: a tuple, a string and a bytes object. On the wire, 3 bytes."""


class Partition(NamedTuple):
    """A partition of a Kafka topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.number}]"


# The records are not frozen: a frozen dataclass takes five times as long to make, and each tweet makes one of each.


@dataclass(slots=True)
class Record:
    """A fetched record; `timestamp_ms` is its Kafka timestamp in Unix milliseconds.

    `unreadable` is the name of the error with which the client failed to read the record, or None. Key, value and
    headers of an unreadable record are unknown.
    """

    partition: Partition
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    unreadable: str | None = None

    @property
    def size_bytes(self) -> int:
        """The memory of key, value and headers, in bytes."""
        return size_bytes(self.key, self.value, self.headers)


@dataclass(slots=True)
class OutputRecord:
    """A record to publish; its partition number is that of the input record."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers


def size_bytes(key: bytes | None, value: bytes | None, headers: Headers) -> int:
    """Return about how many bytes of memory key, value and headers need."""
    size = len(key or b"") + len(value or b"")
    for name, content in headers:
        size += len(name) + len(content or b"") + HEADER_BYTES
    return size


def max_wire_bytes(key: bytes | None, value: bytes, headers: Headers) -> int:
    """Return an upper bound of the bytes of a record batch that holds this record alone.

    The batch header has 61 bytes; each varint counts with its largest size, 10 bytes
    (https://kafka.apache.org/documentation/#recordbatch).
    """
    size = 61 + 40 + len(key or b"") + len(value)
    for name, content in headers:
        size += len(name.encode()) + len(content or b"") + 10
    return size
