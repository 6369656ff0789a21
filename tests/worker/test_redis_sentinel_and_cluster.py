"""Redis Sentinel and Redis Cluster, with real servers."""

import logging
import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from deploy.local.ports import LOOPBACK, free_ports
from tests.redis_server import RedisServer, needs_redis_server, running
from tests.servers import eventually
from tests.worker.redis_publishing import AGAIN_S, P0, P1, PREFIX, RedisPublishing, committed, total, wait_for_total
from worker.redis.store import CountsStore, CountsStoreError

pytestmark = [needs_redis_server, pytest.mark.timeout(120)]


def sentinel_config(master: RedisServer, *more: str) -> str:
    return "".join(
        f"{line}\n"
        for line in (
            f"sentinel monitor counts {LOOPBACK} {master.port} 1",
            "sentinel down-after-milliseconds counts 500",
            "sentinel failover-timeout counts 2000",
            *more,
        )
    )


@pytest.mark.slow
def test_sentinel_names_the_master_before_and_after_a_failover(
    tmp_path: Path, servers: ExitStack, publishing: Callable[[str], RedisPublishing], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first = servers.enter_context(running(tmp_path))
    second = servers.enter_context(running(tmp_path, "--replicaof", LOOPBACK, str(first.port)))
    third = servers.enter_context(running(tmp_path, "--replicaof", LOOPBACK, str(first.port)))
    sentinel = servers.enter_context(running(tmp_path, "--sentinel", config=sentinel_config(first)))
    (unused,) = free_ports(1)
    stream = publishing(f"redis+sentinel://{LOOPBACK}:{unused},{LOOPBACK}:{sentinel.port}/counts/0")
    wait_for_total(first, stream.commit())
    eventually(lambda: total(second) == total(third) == 17, AGAIN_S, "both replicas follow")
    with sentinel.client() as client:
        eventually(lambda: client.sentinel_master("counts")["num-slaves"] == 2, 30, "the Sentinel knows both replicas")
        first.stop()

        expected = stream.commit()

        def counted_by_the_present_master() -> bool:  # the Sentinel may promote one replica, and then the other
            _, port = client.sentinel_get_master_addr_by_name("counts")
            return any(server.port == port and total(server) == expected for server in (second, third))

        eventually(counted_by_the_present_master, 30, "a replica is promoted and has the counts")


def test_a_service_that_no_sentinel_knows_is_one_line(tmp_path: Path, servers: ExitStack) -> None:
    master = servers.enter_context(running(tmp_path))
    sentinel = servers.enter_context(running(tmp_path, "--sentinel", config=sentinel_config(master)))
    store = CountsStore(f"redis+sentinel://{LOOPBACK}:{sentinel.port}/others", prefix=PREFIX, group="g")
    with pytest.raises(CountsStoreError, match="no Sentinel in REDIS_URL knows a reachable master of the service"):
        store.publish({P0: committed(1)})
    store.close()


def test_the_address_of_a_sentinel_as_that_of_a_server_is_one_line(tmp_path: Path, servers: ExitStack) -> None:
    master = servers.enter_context(running(tmp_path))
    sentinel = servers.enter_context(running(tmp_path, "--sentinel", config=sentinel_config(master)))
    store = CountsStore(sentinel.url, prefix=PREFIX, group="g")
    for call in (lambda: store.publish({P0: committed(1)}), store.snapshot):
        with pytest.raises(CountsStoreError, match=re.escape("write redis+sentinel://host:port/service")):
            call()
    store.close()


def test_sentinel_and_its_servers_have_logins_of_their_own(tmp_path: Path, servers: ExitStack) -> None:
    master = servers.enter_context(running(tmp_path))
    config = sentinel_config(master, "user watcher on >hush +@all ~* &*", "user default on nopass +ping +hello +auth")
    with master.client() as client:
        client.execute_command("ACL", "SETUSER", "counter", "on", ">secret", "~{p}:*", "+@all")
    sentinel = servers.enter_context(running(tmp_path, "--sentinel", config=config))
    login = "sentinel_username=watcher&sentinel_password=hush"
    url = f"redis+sentinel://counter:secret@{LOOPBACK}:{sentinel.port}/counts/3?{login}"
    store = CountsStore(url, prefix=PREFIX, group="g")
    assert store.publish({P0: committed(1)}) == {P0: "applied"}
    with master.client() as client:
        client.select(3)
        assert client.hgetall("{p}:counts") == {"joy": "1"}
    store.close()


class Cluster:
    """Three primaries, each with a third of the slots."""

    def __init__(self, folder: Path, servers: ExitStack) -> None:
        buses = free_ports(4)
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-config-file")
        self.servers = [
            servers.enter_context(running(folder, *options, f"nodes-{bus}.conf", "--cluster-port", str(bus)))
            for bus in buses
        ]
        *primaries, self.replica = self.servers
        self.primaries = primaries
        thirds = ((0, 5461), (5462, 10922), (10923, 16383))
        for server, (low, high) in zip(primaries, thirds, strict=True):
            with server.client() as client:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", low, high)
        for server, bus in list(zip(self.servers, buses, strict=True))[1:]:
            with primaries[0].client() as client:
                client.execute_command("CLUSTER", "MEET", LOOPBACK, server.port, bus)
        eventually(lambda: all(self._complete(server) for server in self.servers), 30, "the cluster is complete")

    @staticmethod
    def _complete(server: RedisServer) -> bool:
        with server.client() as client:
            info = client.execute_command("CLUSTER", "INFO")
            return "cluster_state:ok" in info and "cluster_known_nodes:4" in info

    def slot(self, key: str) -> int:
        with self.primaries[0].client() as client:
            return int(client.execute_command("CLUSTER", "KEYSLOT", key))

    def owner(self, key: str) -> RedisServer:
        with self.primaries[1].client() as client:
            for low, high, (_, port, *_), *_ in _raw(client, "CLUSTER SLOTS"):
                if low <= self.slot(key) <= high:
                    return next(server for server in self.servers if server.port == port)
        raise AssertionError(key)

    def node_id(self, server: RedisServer) -> str:
        with server.client() as client:
            return str(client.execute_command("CLUSTER", "MYID"))

    def all_know_replica_of(self, primary: RedisServer) -> bool:
        """Return whether each primary lists the replica under `primary`: only then does a primary vote for it."""
        replica, replicated = self.node_id(self.replica), self.node_id(primary)
        return all(self._lists(server, replica, replicated) for server in self.primaries)

    @staticmethod
    def _lists(server: RedisServer, replica: str, replicated: str) -> bool:
        with server.client() as client:
            nodes = [line.split() for line in str(_raw(client, "CLUSTER NODES")).splitlines()]
        return any(node[0] == replica and node[3] == replicated for node in nodes if len(node) > 3)

    def move(self, slot: int, source: RedisServer, target: RedisServer) -> None:
        """Move a slot with its keys."""
        with source.client() as old, target.client() as new:
            new.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", self.node_id(source))
            old.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", self.node_id(target))
            keys = old.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100)
            old.execute_command("MIGRATE", LOOPBACK, target.port, "", 0, 5000, "KEYS", *keys)
            for server in (target, source):
                with server.client() as client:
                    client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", self.node_id(target))


def _raw(client: Any, command: str) -> Any:
    connection = client.connection_pool.get_connection()
    try:
        connection.send_command(*command.split())
        return connection.read_response()
    finally:
        client.connection_pool.release(connection)


@pytest.mark.slow
def test_a_cluster_is_supported_through_moved_slots_and_a_failover(
    tmp_path: Path, servers: ExitStack, publishing: Callable[[str], RedisPublishing]
) -> None:
    cluster = Cluster(tmp_path, servers)
    (unused,) = free_ports(1)
    url = f"redis+cluster://{LOOPBACK}:{unused},{LOOPBACK}:{cluster.primaries[0].port}"
    stream = publishing(url)
    expected = stream.commit()
    owner = cluster.owner(f"{PREFIX}:counts")
    wait_for_total(owner, expected)
    reader = CountsStore(url, prefix=PREFIX, group="g")
    assert reader.snapshot()[0] == {"joy": expected}

    target = next(server for server in cluster.primaries if server is not owner)
    cluster.move(cluster.slot(f"{PREFIX}:counts"), owner, target)
    expected = stream.commit()
    wait_for_total(target, expected)
    assert eventually(lambda: _snapshot(reader), AGAIN_S, "the page reads again")[0] == {"joy": expected}
    reader.repair({P0: committed(stream.offset), P1: committed(7)})

    with cluster.replica.client() as client:
        client.execute_command("CLUSTER", "REPLICATE", cluster.node_id(target))
        eventually(lambda: client.info("replication")["master_link_status"] == "up", 30, "the replica follows")
    eventually(lambda: cluster.all_know_replica_of(target), 30, "every primary can vote for the replica")
    target.stop()
    expected = stream.commit()
    eventually(lambda: _total_of(reader) == expected, 30, "the replica is promoted and has the counts")
    reader.close()


def _snapshot(store: CountsStore) -> Any:
    try:
        return store.snapshot()
    except CountsStoreError:
        return None


def _total_of(store: CountsStore) -> int:
    found = _snapshot(store)
    return found[0].get("joy", 0) if found else 0


def test_a_cluster_with_the_address_of_one_server_and_a_prefix_without_braces_are_one_line(
    tmp_path: Path, servers: ExitStack
) -> None:
    cluster = Cluster(tmp_path, servers)
    owner = cluster.owner(f"{PREFIX}:counts")
    stranger = next(server for server in cluster.primaries if server is not owner)
    store = CountsStore(stranger.url, prefix=PREFIX, group="g")
    for call in (lambda: store.publish({P0: committed(1)}), store.snapshot):
        with pytest.raises(CountsStoreError, match=re.escape("write redis+cluster://host:port")):
            call()
    assert CountsStore(owner.url, prefix=PREFIX, group="g").publish({P0: committed(1)}) == {P0: "applied"}
    for url in (owner.url, owner.url.replace("redis://", "redis+cluster://")):
        unbraced = CountsStore(url, prefix="p", group="g")
        with pytest.raises(CountsStoreError, match="REDIS_KEY_PREFIX"):
            unbraced.publish({P0: committed(1)})
