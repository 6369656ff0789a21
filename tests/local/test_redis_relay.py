"""The relay before the embedded Redis: clients of Redis work, and no byte of a web page reaches Redis."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from deploy.local import redis_relay
from deploy.local.children import Child
from deploy.local.embedded import EmbeddedServers, redis_answers
from deploy.local.ports import LOOPBACK, free_ports
from tests.installed import installed
from tests.servers import eventually

KEY = "{emotion}:counts"
ATTACK = b"FLUSHALL\r\nSET owned 1\r\n*1\r\n$8\r\nFLUSHALL\r\n"
START_S = 20.0


class Relayed:
    """An embedded Redis with one hash, and the relay before it."""

    def __init__(self, folder: Path) -> None:
        kafka_port, self.redis_port, self.port = free_ports(3)
        self.servers = EmbeddedServers(kafka_port, self.redis_port)
        self.children = [self._child("servers", self.servers.command(folder / "data"), {}, folder)]
        eventually(self.servers.ready, START_S, "the embedded servers answer")
        password = self.servers.require_password()
        relay = redis_relay.command(self.port, self.redis_port)
        self.children += [self._child("relay", relay, dict(redis_relay.environment(password)), folder)]
        eventually(lambda: redis_answers(self.port), START_S, "the relay answers")
        with self.client() as client:
            client.hset(KEY, "joy", 7)

    @staticmethod
    def _child(name: str, command: list[str], env: dict[str, str], folder: Path) -> Child:
        return Child(name, command, env={**os.environ, **env}, log=folder / f"{name}.log", stop_s=5)

    def client(self) -> "redis.Redis":
        return redis.Redis(host=LOOPBACK, port=self.port, decode_responses=True)

    def keys(self) -> dict[str, dict[str, str]]:
        with self.client() as client:
            return {key: client.hgetall(key) for key in client.scan_iter()}


@contextmanager
def relayed(folder: Path) -> Iterator[Relayed]:
    stack = Relayed(folder)
    try:
        yield stack
    finally:
        for child in reversed(stack.children):
            child.stop()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relayed]:
    with relayed(tmp_path_factory.mktemp("relayed")) as stack:
        yield stack


def replies(port: int, *parts: bytes) -> bytes:
    """Return everything that comes back until the other side closes the connection."""
    with socket.create_connection((LOOPBACK, port), timeout=10) as connection:
        received = b""
        try:
            for part in parts:
                connection.sendall(part)
            while data := connection.recv(65_536):
                received += data
        except ConnectionError:  # closed while more was on its way
            pass
        return received


@pytest.mark.parametrize(
    "beginning",
    [
        b"POST / HTTP/1.1\r\nHost: localhost:6379\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: localhost:6379\r\n\r\n",
        b"GET /?a HTTP/1.1\r\nHost: localhost:6379\r\n\r\n",
        b"OPTIONS / HTTP/1.1\r\nOrigin: https://example.org\r\n\r\n",
        b"PROPFIND / HTTP/1.1\r\n\r\n",
        b"post / HTTP/1.0\n\n",
        b"GET /\r\n",
        b"Host: localhost\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"*1 / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"* / HTTP/1.1\r\n",
        b"*" + 1_000_000 * b"1",
        b"\r\nPOST / HTTP/1.1\r\n",
        b"POST /" + 200_000 * b"a" + b" HTTP/1.1\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=lambda beginning: repr(beginning[:16]),
)
def test_a_connection_that_does_not_begin_like_a_redis_client_is_closed_and_changes_nothing(
    stack: Relayed, beginning: bytes
) -> None:
    assert replies(stack.port, beginning + ATTACK) == b""
    assert replies(stack.port, *(bytes([byte]) for byte in (beginning + ATTACK)[:100]), b"\n") == b""
    assert stack.keys() == {KEY: {"joy": "7"}}


def test_the_embedded_redis_itself_takes_no_command_without_the_password(stack: Relayed) -> None:
    with socket.create_connection((LOOPBACK, stack.redis_port), timeout=10) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\n\r\n" + ATTACK + b"QUIT\r\n")
        received = b""
        while data := connection.recv(65_536):
            received += data
    assert received.count(b"-NOAUTH") == 3
    assert stack.keys() == {KEY: {"joy": "7"}}


def test_the_line_of_the_readme_reads_the_counts(stack: Relayed) -> None:
    program = installed("redis-cli", package="redis-tools")
    command = [program, "-p", str(stack.port), "hgetall", KEY]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    assert printed.split() == ["joy", "7"]


def test_scripts_transactions_and_large_values_pass(stack: Relayed) -> None:
    with stack.client() as client:
        large = 3_000_000 * "x"
        with client.pipeline(transaction=True) as pipeline:
            pipeline.hset("other", "large", large)
            pipeline.hget("other", "large")
            assert pipeline.execute()[1] == large
        assert client.eval("return redis.call('HLEN', KEYS[1])", 1, "other") == 1
        client.delete("other")


def test_clients_that_disappear_leave_the_relay_working(stack: Relayed) -> None:
    for sent in (b"", b"*", b"*1\r\n$4\r\nPI", b"*1\r\n$4\r\nPING\r\n"):
        for _ in range(50):
            with socket.create_connection((LOOPBACK, stack.port), timeout=10) as connection:
                connection.sendall(sent)
    assert stack.keys() == {KEY: {"joy": "7"}}
    assert stack.children[1].exit_code is None
