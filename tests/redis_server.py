"""A redis-server of its own for a test: one server, a replica, a Sentinel or a node of a cluster."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chaos.servers import redis_server as servers
from chaos.servers.proxy import Proxies, TcpProxy
from deploy.local.ports import LOOPBACK

needs_redis_server = pytest.mark.skipif(shutil.which("redis-server") is None, reason="not installed: redis-server")


class RedisServer(servers.RedisServer):
    """A redis-server without persistence on a port of its own."""

    def add_user(self, name: str, *rules: str) -> str:
        """Make a user with the password `secret`; return the URL with which it logs in."""
        with self.client() as client:
            client.execute_command("ACL", "SETUSER", name, "reset", "on", ">secret", *rules)
        return f"redis://{name}:secret@{LOOPBACK}:{self.port}/0"


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


@contextmanager
def one_address(folder: Path, port: int) -> Iterator[tuple[TcpProxy, str]]:
    """Yield a proxy before a server, whose `target_port` may change, and the URL of the proxy."""
    with Proxies(folder / "proxies.log") as proxies:
        proxy = proxies.open(port)
        yield proxy, f"redis://{LOOPBACK}:{proxy.port}/0"
