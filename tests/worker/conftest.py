"""Rules for all tests of the worker."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from hypothesis import settings

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


@pytest.fixture
def publishing(servers: ExitStack) -> Callable[[str], RedisPublishing]:
    """Start publishers of counts to the Redis of a URL."""

    def start(url: str) -> RedisPublishing:
        publishing = RedisPublishing(url)
        servers.callback(publishing.close)
        return publishing

    return start
