"""The deprecated counts of minutes in a real redis-server, as the worker's script writes them."""

import time
from pathlib import Path

from tests.redis_server import needs_redis_server, running
from tweets.records import Partition
from worker.counts import CommittedCounts, RunningCounts
from worker.redis.store import CountsStore

pytestmark = needs_redis_server

PREFIX = "{p}"


def test_what_is_published_counts_in_the_minute_of_its_publication(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        store = CountsStore(server.url, prefix=PREFIX, group="g")
        first = int(time.time()) // 60
        store.publish({Partition("tweets", 0): CommittedCounts(1, 9, RunningCounts({"joy": 6, "fear": 3}))})
        store.close()
        with server.client() as client:
            found = [client.hgetall(f"{PREFIX}:counts:minute:{number}") for number in (first, first + 1)]
    assert [counts for counts in found if counts] == [{"joy": "6", "fear": "3"}]
