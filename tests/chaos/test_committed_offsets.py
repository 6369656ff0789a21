import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from chaos.errors import ChaosError
from chaos.stream.committed_offsets import GroupOffset, fetch_positions
from deploy.local.ports import LOOPBACK
from tests.ports import free_ports

NOT_COORDINATOR = 16
GROUP_AUTHORIZATION_FAILED = 30

StartBroker = Callable[[bytes], str]


@pytest.fixture
def start_broker() -> Iterator[StartBroker]:
    """Start brokers that give one answer to every request; return the address of each."""
    with ExitStack() as ending:

        def start(answer: bytes) -> str:
            listener = ending.enter_context(socket.create_server((LOOPBACK, 0)))
            thread = threading.Thread(target=serve, args=(listener, answer))
            thread.start()
            ending.callback(thread.join)
            ending.callback(listener.shutdown, socket.SHUT_RDWR)  # wakes the thread, which close would not
            return f"{LOOPBACK}:{listener.getsockname()[1]}"

        yield start


def serve(listener: socket.socket, answer: bytes) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:  # the test has ended
            return
        with connection, connection.makefile("rb") as request:
            (size,) = struct.unpack(">i", request.read(4))
            request.read(size)
            connection.sendall(struct.pack(">i", len(answer)) + answer)


def an_answer(*offsets: tuple[int, int, str], error: int = 0) -> bytes:
    """Return a response to OffsetFetch, version 5, with partitions, offsets and metadata."""
    partitions = b"".join(
        struct.pack(">iqih", number, offset, -1, len(metadata.encode())) + metadata.encode() + struct.pack(">h", 0)
        for number, offset, metadata in offsets
    )
    topic = struct.pack(">h", 6) + b"tweets" + struct.pack(">i", len(offsets)) + partitions
    return struct.pack(">iii", 1, 0, 1) + topic + struct.pack(">h", error)


def a_dead_broker() -> str:
    (port,) = free_ports(1)
    return f"{LOOPBACK}:{port}"


def test_offsets_come_with_their_metadata_and_missing_ones_are_left_out(start_broker: StartBroker) -> None:
    broker = start_broker(an_answer((0, 7, "counts ☀"), (1, -1, ""), (2, 0, "")))
    assert fetch_positions(broker, "g", "tweets", 3) == {0: GroupOffset(7, "counts ☀"), 2: GroupOffset(0, "")}


def test_the_coordinator_is_found_behind_brokers_that_are_down_or_not_the_coordinator(
    start_broker: StartBroker,
) -> None:
    other, torn = start_broker(an_answer(error=NOT_COORDINATOR)), start_broker(b"\0")
    brokers = ",".join([a_dead_broker(), other, torn, start_broker(an_answer((1, 7, "counts")))])
    assert fetch_positions(brokers, "g", "tweets", 2) == {1: GroupOffset(7, "counts")}


def test_brokers_without_a_coordinator_are_named_after_the_deadline(start_broker: StartBroker) -> None:
    brokers = f"{a_dead_broker()},{start_broker(an_answer(error=NOT_COORDINATOR))}"
    with pytest.raises(ChaosError, match=rf"no coordinator of group g answers within 0\.1 s on {brokers}"):
        fetch_positions(brokers, "g", "tweets", 2, deadline_s=0.1)


def test_an_error_that_no_retry_cures_is_raised(start_broker: StartBroker) -> None:
    broker = start_broker(an_answer(error=GROUP_AUTHORIZATION_FAILED))
    with pytest.raises(ChaosError, match="Kafka's error 30"):
        fetch_positions(broker, "g", "tweets", 2)
