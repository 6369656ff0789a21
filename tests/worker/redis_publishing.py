"""A publisher with a real store, for the tests in which Redis moves to another server."""

from tests.redis_server import RedisServer
from tests.servers import eventually
from tweets.records import Partition
from worker.counts import CommittedCounts, RunningCounts
from worker.process.metrics import Metrics
from worker.process.stop import StopFlag
from worker.redis.publisher import CountsPublisher
from worker.redis.store import CountsStore

PREFIX = "{p}"
P0, P1 = Partition("tweets", 0), Partition("tweets", 1)
AGAIN_S = 10.0


def committed(offset: int, generation: int = 1) -> CommittedCounts:
    return CommittedCounts(generation, offset, RunningCounts({"joy": offset}))


class RedisPublishing:
    """A publisher with a real store, whose partition P0 gets a commit at each `commit`."""

    def __init__(self, url: str) -> None:
        self.stop = StopFlag()
        self.metrics = Metrics()
        self.offset = 0
        self.publisher = CountsPublisher(CountsStore(url, prefix=PREFIX, group="g"), self.metrics, self.stop.fail)
        self.publisher.start()
        self.publisher.assign({P1: committed(7)})

    def commit(self) -> int:
        """Commit ten tweets; return the total of all partitions."""
        self.offset += 10
        self.publisher.publish({P0: committed(self.offset)})
        return self.offset + 7

    def close(self) -> None:
        self.publisher.close(5)
        assert self.stop.failure is None


def total(server: RedisServer) -> int:
    with server.client() as client:
        return int(client.hget(f"{PREFIX}:counts", "joy") or 0)


def wait_for_total(server: RedisServer, expected: int) -> None:
    eventually(lambda: total(server) == expected, AGAIN_S, f"the total is {expected}")
