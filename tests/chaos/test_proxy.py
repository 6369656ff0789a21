"""A TCP proxy that loses packets, with real sockets."""

import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

import psutil
import pytest

from chaos.servers.ports import listening
from chaos.servers.proxy import Proxies, TcpProxy
from deploy.local.ports import LOOPBACK, free_ports
from tests.chaos.socket_server import Serve, Server
from tests.servers import eventually
from tests.sockets import read_to_the_end

ANSWER_S: Final = 20.0
SILENT_S: Final = 0.3
"""Every answer of these servers comes within a millisecond, on a busy machine within some."""

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxies]:
    with Proxies(tmp_path_factory.mktemp("proxies") / "log") as proxies:
        yield proxies


def echo(connection: socket.socket) -> None:
    while data := connection.recv(65_536):
        connection.sendall(data)
    connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def serve(opened: ExitStack) -> Callable[[Serve], Server]:
    """Start servers that end with the test."""

    def start(serve: Serve) -> Server:
        server = Server(serve)
        opened.callback(server.stop)
        return server

    return start


@pytest.fixture
def proxy(proxies: Proxies, serve: Callable[[Serve], Server]) -> TcpProxy:
    """Return a proxy before a server that sends everything back."""
    return proxies.open(serve(echo).port)


@pytest.fixture
def connect(opened: ExitStack) -> Callable[[TcpProxy], socket.socket]:
    """Connect clients that end with the test."""

    def connect(proxy: TcpProxy) -> socket.socket:
        return opened.enter_context(socket.create_connection((LOOPBACK, proxy.port), timeout=ANSWER_S))

    return connect


Connect = Callable[[TcpProxy], socket.socket]


def read(client: socket.socket, size: int) -> bytes:
    """Return so many bytes that the server sends, or fewer if the connection ends before."""
    received = b""
    while len(received) < size and (piece := client.recv(size - len(received))):
        received += piece
    return received


def answers(client: socket.socket) -> bool:
    """Return whether the server sends back what the client sends now."""
    client.sendall(b"hello")
    return read(client, 5) == b"hello"


def silent(client: socket.socket) -> bool:
    """Return whether what the client sends now gets no answer."""
    client.sendall(b"hello")
    client.settimeout(SILENT_S)
    try:
        return client.recv(5) is None
    except TimeoutError:
        return True
    finally:
        client.settimeout(ANSWER_S)


def send_until_blocked(client: socket.socket) -> int:
    """Return how many bytes the connection has taken, 1 GiB at most."""
    sent = 0
    with suppress(TimeoutError):
        while sent < 1 << 30:
            sent += client.send(bytes(1 << 20))
    return sent


def test_bytes_pass_in_both_directions_and_in_their_order(proxy: TcpProxy, connect: Connect) -> None:
    client = connect(proxy)
    sent = os.urandom(1 << 20) * 64
    received = hashlib.sha256()

    def read_all() -> None:
        while data := client.recv(1 << 20):
            received.update(data)

    reader = threading.Thread(target=read_all)
    reader.start()
    client.sendall(sent)
    client.shutdown(socket.SHUT_WR)
    reader.join(ANSWER_S)
    assert received.digest() == hashlib.sha256(sent).digest()


def test_an_answer_after_the_end_of_the_request_arrives(
    proxies: Proxies, serve: Callable[[Serve], Server], connect: Connect
) -> None:
    def answer_the_whole(connection: socket.socket) -> None:
        connection.sendall(b"%d bytes" % len(read_to_the_end(connection)))
        connection.shutdown(socket.SHUT_RDWR)

    client = connect(proxies.open(serve(answer_the_whole).port))
    client.sendall(100_000 * b"x")
    client.shutdown(socket.SHUT_WR)
    assert read_to_the_end(client) == b"100000 bytes"


def test_a_sender_waits_for_a_server_that_reads_nothing(
    proxies: Proxies, serve: Callable[[Serve], Server], connect: Connect
) -> None:
    read_on = threading.Event()

    def read_late(connection: socket.socket) -> None:
        read_on.wait(ANSWER_S)
        connection.sendall(b"%d" % len(read_to_the_end(connection)))
        connection.shutdown(socket.SHUT_RDWR)

    client = connect(proxies.open(serve(read_late).port))
    before = psutil.Process(proxies.pid).memory_info().rss
    client.settimeout(1)
    sent = send_until_blocked(client)
    assert sent < 64 << 20
    assert psutil.Process(proxies.pid).memory_info().rss - before < 16 << 20
    read_on.set()
    client.settimeout(ANSWER_S)
    client.shutdown(socket.SHUT_WR)
    assert read_to_the_end(client) == b"%d" % sent


def test_while_cut_connections_stay_open_and_carry_nothing_and_afterwards_new_ones_work(
    proxy: TcpProxy, connect: Connect
) -> None:
    old = connect(proxy)
    assert answers(old)
    proxy.cut()
    during = connect(proxy)
    assert silent(old)
    assert silent(during)
    proxy.restore()
    assert read_to_the_end(old) == read_to_the_end(during) == b""
    assert answers(connect(proxy))


def test_a_cut_of_some_processes_leaves_the_others_connected(proxy: TcpProxy, connect: Connect) -> None:
    client = connect(proxy)
    proxy.cut([os.getppid()])
    assert answers(client)
    assert answers(connect(proxy))
    proxy.cut([os.getppid(), os.getpid()])
    assert silent(client)
    assert silent(connect(proxy))
    proxy.restore()
    assert answers(connect(proxy))


def test_reset_connections_end_at_both_ends_and_new_ones_work(
    proxies: Proxies, serve: Callable[[Serve], Server], connect: Connect
) -> None:
    server = serve(echo)
    proxy = proxies.open(server.port)
    client = connect(proxy)
    assert answers(client)
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    eventually(lambda: server.connections[0].fileno() >= 0 and _ended(server.connections[0]), ANSWER_S, "reset")
    assert answers(connect(proxy))


def _ended(connection: socket.socket) -> bool:
    try:
        connection.getpeername()
    except OSError:
        return True
    return False


def test_a_server_that_refuses_connections_looks_reset(proxies: Proxies, connect: Connect) -> None:
    proxy = proxies.open(free_ports(1)[0])
    with pytest.raises(ConnectionResetError):  # already while it connects, or afterwards
        answers(connect(proxy))


def test_new_connections_go_to_the_new_target_and_old_ones_stay(
    proxy: TcpProxy, serve: Callable[[Serve], Server], connect: Connect
) -> None:
    old = connect(proxy)
    assert answers(old)

    def refuse(connection: socket.socket) -> None:
        connection.sendall(b"other")
        connection.shutdown(socket.SHUT_RDWR)

    proxy.target_port = serve(refuse).port
    assert read_to_the_end(connect(proxy)) == b"other"
    assert answers(old)


def test_an_ended_program_refuses_connections(tmp_path: Path, serve: Callable[[Serve], Server]) -> None:
    with Proxies(tmp_path / "log") as proxies:
        proxy = proxies.open(serve(echo).port)
        assert listening(proxy.port)
    assert not listening(proxy.port)


def test_the_program_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    with Proxies(tmp_path / "log") as proxies:
        program = psutil.Process(proxies.pid)
        proxies._control.shutdown(socket.SHUT_RDWR)
        eventually(lambda: program.status() == psutil.STATUS_ZOMBIE, ANSWER_S, "the program has ended")
