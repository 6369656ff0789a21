"""A Redis that loses data: a master and a replica behind one address."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.local.ports import LOOPBACK
from tests.redis_server import RedisRelay, RedisServer, running
from tests.servers import eventually

FOLLOWS_S = 30.0


class FailingRedis:
    """Redis behind the address `url`, with one replica that can replace the master once."""

    def __init__(self, master: RedisServer, replica: RedisServer, relay: RedisRelay) -> None:
        self.url = relay.url
        self._master = master
        self._replica = replica
        self._relay = relay

    def wipe(self) -> None:
        """Delete everything that the present master has."""
        with self._master.client() as client:
            client.flushall()

    def fail_over(self, key: str) -> int:
        """Kill the master, and put the replica in its place, which lacks the last writes.

        The replica stops to follow first. Return how many fields of the hash `key`, which changes with every write, the
        replica has in an older state.
        """
        with self._master.client() as master, self._replica.client() as replica:
            eventually(lambda: replica.exists(key) and _follows(replica), FOLLOWS_S, "the replica follows")
            replica.execute_command("REPLICAOF", "NO", "ONE")
            before = replica.hgetall(key)
            eventually(lambda: master.hgetall(key) != before, FOLLOWS_S, "the replica lacks the last writes")
            lacking = len(master.hgetall(key).items() - before.items())
        self._master.stop()
        self._relay.target = self._replica.port
        self._master = self._replica
        return lacking


def _follows(replica: Any) -> bool:
    return bool(replica.info("replication")["master_link_status"] == "up")


@contextmanager
def failing_redis(folder: Path) -> Iterator[FailingRedis]:
    """Run both servers; they end with the block."""
    with (
        running(folder) as master,
        running(folder, "--replicaof", LOOPBACK, str(master.port)) as replica,
    ):
        relay = RedisRelay(master.port)
        try:
            yield FailingRedis(master, replica, relay)
        finally:
            relay.close()
