"""Committed offsets with their metadata, read with Kafka's protocol.

confluent-kafka reads beyond the end of a metadata, and the worker's client is the one under test.
"""

import socket
import struct
from dataclasses import dataclass

from tests.servers import eventually

_OFFSET_FETCH, _VERSION = 9, 5  # https://kafka.apache.org/protocol#The_Messages_OffsetFetch
_NO_COORDINATOR_YET = (14, 15, 16)
_TIMEOUT_S = 30.0
"""Seconds until the coordinator must have answered."""


@dataclass(frozen=True, slots=True)
class GroupOffset:
    """The committed offset of a group in a partition, and its metadata."""

    offset: int
    metadata: str


def fetch_positions(port: int, group: str, topic: str, partitions: int) -> dict[int, GroupOffset]:
    """Return the committed offset of each partition of the topic in which the group has committed."""
    numbers = b"".join(struct.pack(">i", number) for number in range(partitions))
    body = _string(group) + struct.pack(">i", 1) + _string(topic) + struct.pack(">i", partitions) + numbers
    answers: list[dict[int, GroupOffset] | None] = []

    def answered() -> bool:
        answers.append(_read_positions(_Answer(_ask(port, body))))
        return answers[-1] is not None

    eventually(answered, _TIMEOUT_S, "the coordinator answers")
    return answers[-1] or {}


def _ask(port: int, body: bytes) -> bytes:
    request = struct.pack(">hhi", _OFFSET_FETCH, _VERSION, 1) + _string("verifier") + body
    with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        with connection.makefile("rb") as stream:
            (size,) = struct.unpack(">i", stream.read(4))
            return stream.read(size)


def _string(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack(">h", len(encoded)) + encoded


class _Answer:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def number(self, form: str) -> int:
        (value,) = struct.unpack_from(form, self._content, self._at)
        self._at += struct.calcsize(form)
        return int(value)

    def string(self) -> str:
        size = max(0, self.number(">h"))
        self._at += size
        return self._content[self._at - size : self._at].decode()


def _read_positions(answer: _Answer) -> dict[int, GroupOffset] | None:
    """Return the offsets in the answer; None while the coordinator is not available yet."""
    found = {}
    answer.number(">i"), answer.number(">i")  # which request it answers; milliseconds of throttling
    for _ in range(answer.number(">i")):
        answer.string()  # the topic
        for _ in range(answer.number(">i")):
            number, offset, _epoch = answer.number(">i"), answer.number(">q"), answer.number(">i")
            metadata, error = answer.string(), answer.number(">h")
            assert error == 0, f"partition {number}: error {error}"
            if offset >= 0:
                found[number] = GroupOffset(offset, metadata)
    error = answer.number(">h")
    assert error in (0, *_NO_COORDINATOR_YET), f"error {error}"
    return found if error == 0 else None
