"""Committed offsets with their metadata, read with Kafka's protocol.

confluent-kafka reads beyond the end of a metadata, and the worker's client is the one under test.
"""

import socket
import struct
from dataclasses import dataclass
from typing import Final

from chaos.errors import ChaosError
from chaos.servers.waiting import became_true

_OFFSET_FETCH, _VERSION = 9, 5  # https://kafka.apache.org/protocol#The_Messages_OffsetFetch
_NO_COORDINATOR_YET: Final = (14, 15, 16)
_ANSWER_S: Final = 30.0
"""Seconds until the coordinator must have answered."""

_BROKER_S: Final = 5.0
"""Seconds for one broker; a frozen one does not answer."""


@dataclass(frozen=True, slots=True)
class GroupOffset:
    """The committed offset of a group in a partition, and its metadata."""

    offset: int
    metadata: str


def fetch_positions(
    bootstrap: str, group: str, topic: str, partitions: int, *, deadline_s: float = _ANSWER_S
) -> dict[int, GroupOffset]:
    """Return the committed offset of each partition of the topic in which the group has committed.

    The coordinator of the group must be one of the brokers in `bootstrap`. Raises ChaosError if it does not answer.
    """
    numbers = b"".join(struct.pack(">i", number) for number in range(partitions))
    body = _string(group) + struct.pack(">i", 1) + _string(topic) + struct.pack(">i", partitions) + numbers
    answers: list[dict[int, GroupOffset]] = []

    def answered() -> bool:
        for address in bootstrap.split(","):
            answer = _answer(address, body)
            if answer is not None:
                answers.append(answer)
                return True
        return False

    if not became_true(answered, deadline_s):
        raise ChaosError(f"no coordinator of group {group} answers within {deadline_s:g} s on {bootstrap}")
    return answers[-1]


def _answer(address: str, body: bytes) -> dict[int, GroupOffset] | None:
    """Return the answer of a broker; None if the broker does not answer or is not the coordinator."""
    try:
        return _read_positions(_Answer(_ask(address, body)))
    except (OSError, struct.error):  # struct.error: the broker died while it answered
        return None


def _ask(address: str, body: bytes) -> bytes:
    host, _, port = address.rpartition(":")
    request = struct.pack(">hhi", _OFFSET_FETCH, _VERSION, 1) + _string("verifier") + body
    with socket.create_connection((host, int(port)), timeout=_BROKER_S) as connection:
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
    """Return the offsets in the answer; None while the coordinator is not available."""
    found = {}
    answer.number(">i"), answer.number(">i")  # which request it answers; milliseconds of throttling
    for _ in range(answer.number(">i")):
        answer.string()  # the topic
        for _ in range(answer.number(">i")):
            number, offset, _epoch = answer.number(">i"), answer.number(">q"), answer.number(">i")
            metadata, error = answer.string(), answer.number(">h")
            if error:
                raise ChaosError(f"the committed offset of partition {number} cannot be read: Kafka's error {error}")
            if offset >= 0:
                found[number] = GroupOffset(offset, metadata)
    error = answer.number(">h")
    if error in _NO_COORDINATOR_YET:
        return None
    if error:
        raise ChaosError(f"the committed offsets cannot be read: Kafka's error {error}")
    return found
