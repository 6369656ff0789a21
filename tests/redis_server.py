"""A redis-server of its own for a test: one server, a replica, a Sentinel or a node of a cluster."""

import os
import shutil
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from deploy.local.children import Child
from deploy.local.embedded import redis_answers
from deploy.local.ports import LOOPBACK, free_ports
from tests.servers import eventually

START_S = 20.0

needs_redis_server = pytest.mark.skipif(shutil.which("redis-server") is None, reason="not installed: redis-server")


class RedisServer:
    """A redis-server without persistence on a port of its own; `options` are those of its command line."""

    def __init__(self, folder: Path, *options: str, config: str = 'save ""\n', port: int | None = None) -> None:
        self.port = free_ports(1)[0] if port is None else port
        self.url = f"redis://{LOOPBACK}:{self.port}/0"
        name = f"redis-{self.port}"
        written = folder / f"{name}.conf"
        written.write_text(f"port {self.port}\nbind {LOOPBACK}\ndir {folder}\n{config}", encoding="utf-8")
        command = ["redis-server", str(written), *options]
        self.child = Child(name, command, env=os.environ, log=folder / f"{name}.log", stop_s=5)
        eventually(lambda: redis_answers(self.port), START_S, "redis-server answers")

    def client(self) -> Any:
        """Return a client without the project's code."""
        return redis.Redis(host=LOOPBACK, port=self.port, decode_responses=True, protocol=2)

    def add_user(self, name: str, *rules: str) -> str:
        """Make a user with the password `secret`; return the URL with which it logs in."""
        with self.client() as client:
            client.execute_command("ACL", "SETUSER", name, "reset", "on", ">secret", *rules)
        return f"redis://{name}:secret@{LOOPBACK}:{self.port}/0"

    def stop(self) -> None:
        """End the server with SIGKILL."""
        self.child.kill()
        eventually(lambda: self.child.exit_code is not None, 5, "redis-server is gone")


@contextmanager
def running(folder: Path, *options: str, config: str = 'save ""\n') -> Iterator[RedisServer]:
    """Run a server that ends with the block."""
    server = RedisServer(folder, *options, config=config)
    try:
        yield server
    finally:
        server.stop()


def contents(client: Any, prefix: str) -> dict[str, Mapping[str, str]]:
    """Every hash under a prefix, the minutes of all times added up as `minutes`."""
    found: dict[str, Any] = {}
    minutes: dict[str, int] = {}
    for key in client.keys("*"):
        name = key.removeprefix(f"{prefix}:")
        if name.startswith("counts:minute:"):
            for emotion, count in client.hgetall(key).items():
                minutes[emotion] = minutes.get(emotion, 0) + int(count)
        else:
            found[name] = client.hgetall(key)
    return {**found, "minutes": {emotion: str(count) for emotion, count in minutes.items() if count}}


def failing_at(script: str, call: int, *, after: bool) -> str:
    """Return the script, which fails before or after its command number `call`, with the same text for every run."""
    point = f"calls = calls + 1\n  if calls == {call} then error({{err = 'ERR tried'}}) end\n"
    command = "local reply = redis.pcall(command, key, ...)"
    changed = f"{command}\n  {point}" if after else f"{point}  {command}"
    assert command in script
    return "local calls = 0\n" + script.replace(command, changed)


class RedisRelay:
    """One TCP address in front of servers: new connections go to `target`, open ones stay where they are."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.connections = 0
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"redis://{LOOPBACK}:{self.port}/0"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.connections += 1
                try:
                    far = socket.create_connection((LOOPBACK, self.target))
                except OSError:
                    near.close()
                    continue
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=_copy, args=(source, sink), daemon=True).start()

    def close(self) -> None:
        """Accept no more connections."""
        self._listener.close()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with source, sink, suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_RDWR)
