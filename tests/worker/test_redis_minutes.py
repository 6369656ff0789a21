"""The counts of minutes in a real redis-server, as the worker's script writes them and the live page reads them."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.redis_server import RedisServer, needs_redis_server, running
from tweets.records import Partition
from worker.counts import CommittedCounts, RunningCounts
from worker.redis.store import CountsStore, CountsStoreError

pytestmark = needs_redis_server

PREFIX = "{p}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with running(tmp_path) as server:
        yield server


@pytest.fixture
def store(server: RedisServer) -> CountsStore:
    return CountsStore(server.url, prefix=PREFIX, group="g")


def test_the_minutes_that_the_worker_has_published_are_read(store: CountsStore) -> None:
    first = int(time.time()) // 60
    store.publish({Partition("tweets", 0): CommittedCounts(1, 9, RunningCounts({"joy": 6, "fear": 3}))})
    (counts,) = store.minutes(range(first - 5, first + 2)).values()
    assert counts == {"joy": 6, "fear": 3}


def test_a_value_that_is_no_count_and_a_minute_without_counts_are_left_out(
    server: RedisServer, store: CountsStore
) -> None:
    with server.client() as client:
        client.hset(f"{PREFIX}:counts:minute:7", mapping={"joy": "2", "fear": "many"})
        client.hset(f"{PREFIX}:counts:minute:8", mapping={"joy": "-"})
    assert store.minutes([6, 7, 8]) == {7: {"joy": 2}}


def test_a_key_of_another_type_is_an_error_of_the_store(server: RedisServer, store: CountsStore) -> None:
    with server.client() as client:
        client.set(f"{PREFIX}:counts:minute:7", "x")
    with pytest.raises(CountsStoreError):
        store.minutes([7])
