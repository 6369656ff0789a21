"""Rules for all tests of the worker."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import settings

from tests.redis_server import RedisServer, running
from tests.worker.redis_publishing import RedisPublishing
from worker.time_limits import TimeLimit

# Generated examples have no time limit each: a busy machine is no bug.
settings.register_profile("worker", deadline=None)
settings.load_profile("worker")


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the loop retry without a pause."""
    monkeypatch.setattr("worker.time_limits.RETRY_PAUSE", TimeLimit(0, "no pause"))


@pytest.fixture
def servers() -> Iterator[ExitStack]:
    """Return a stack of servers and clients that end with the test."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Return a redis-server for the tests of a file."""
    with running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(server: RedisServer) -> Iterator[Any]:
    """Return a client of the empty redis-server, without the project's code."""
    with server.client() as client:
        client.flushall()
        yield client


@pytest.fixture
def publishing(servers: ExitStack) -> Callable[[str], RedisPublishing]:
    """Start publishers of counts to the Redis of a URL."""

    def start(url: str) -> RedisPublishing:
        publishing = RedisPublishing(url)
        servers.callback(publishing.close)
        return publishing

    return start
