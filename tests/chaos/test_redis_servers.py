"""A real Redis that fails on demand."""

import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from chaos.errors import ChaosError
from chaos.servers.redis_servers import RedisServers
from tests.redis_server import needs_redis_server
from tests.servers import eventually

CONNECTED_S: Final = 20.0

pytestmark = [needs_redis_server, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServers]:
    with closing(RedisServers(tmp_path_factory.mktemp("redis"))) as servers:
        yield servers


@pytest.fixture
def servers(shared: RedisServers) -> RedisServers:
    """Return the servers, empty."""
    shared.wipe()
    return shared


@pytest.fixture
def client(servers: RedisServers) -> Iterator[Any]:
    """Return a client through the proxy, which waits half a second and tries once."""
    with redis.Redis.from_url(
        servers.url, decode_responses=True, protocol=2, socket_timeout=0.5, retry=Retry(NoBackoff(), 0)
    ) as client:
        yield client


def again(client: Any) -> bool:
    """Return whether the client can write, perhaps on a new connection."""
    try:
        client.incr("again")
    except (redis.ConnectionError, redis.TimeoutError):
        return False
    return True


def works(client: Any) -> None:
    eventually(lambda: again(client), CONNECTED_S, "Redis answers again")


def test_a_killed_redis_refuses_connections_and_comes_back_empty(servers: RedisServers, client: Any) -> None:
    client.set("key", "value")
    servers.kill()
    with pytest.raises(redis.ConnectionError):
        client.get("key")
    servers.restart()
    works(client)
    assert client.get("key") is None


def test_a_frozen_redis_gives_no_answer_until_it_continues(servers: RedisServers, client: Any) -> None:
    client.set("key", "value")
    servers.freeze()
    with pytest.raises(redis.TimeoutError):
        client.get("key")
    servers.thaw()
    works(client)
    assert client.get("key") == "value"


def test_a_cut_network_gives_no_answer_until_it_is_reconnected(servers: RedisServers, client: Any) -> None:
    client.set("key", "value")
    servers.cut()
    for _ in range(2):  # the open connection, and a new one
        with pytest.raises(redis.TimeoutError):
            client.get("key")
    with servers.client() as direct:
        assert direct.get("key") == "value"
    servers.reconnect()
    works(client)


def test_an_old_snapshot_comes_back_with_the_old_data(servers: RedisServers, client: Any) -> None:
    client.set("key", "old")
    servers.save_snapshot()
    client.set("key", "new")
    client.set("other", "new")
    servers.restore_snapshot()
    works(client)
    assert client.mget("key", "other") == ["old", None]


def test_without_a_snapshot_there_is_nothing_to_restore(tmp_path: Path) -> None:
    with closing(RedisServers(tmp_path)) as servers, pytest.raises(ChaosError, match="save_snapshot was not called"):
        servers.restore_snapshot()


def test_the_new_master_after_a_failover_lacks_the_last_writes_only(servers: RedisServers, client: Any) -> None:
    written: list[int] = []

    def write() -> None:
        with servers.client() as direct, suppress(redis.ConnectionError):
            while True:
                written.append(direct.incr("written"))

    def write_on() -> bool:
        return written[-1:] > [before + 10]

    for _ in range(2):
        before = int(client.get("written") or 0)
        writer = threading.Thread(target=write)
        writer.start()
        eventually(write_on, CONNECTED_S, "the client writes")
        assert servers.fail_over() > 0
        writer.join(CONNECTED_S)
        works(client)
        # Equal if the lost write alone is one whose answer the client did not get.
        assert before < int(client.get("written")) <= written[-1]


def test_a_redis_that_takes_no_writes_answers_readonly(servers: RedisServers, client: Any) -> None:
    client.set("key", "value")
    servers.refuse_writes(True)
    with pytest.raises(redis.ReadOnlyError):
        client.set("key", "new")
    assert client.get("key") == "value"
    servers.refuse_writes(False)
    client.set("key", "new")


def test_a_redis_out_of_memory_refuses_writes(servers: RedisServers, client: Any) -> None:
    servers.out_of_memory(True)
    with pytest.raises(redis.OutOfMemoryError):
        client.set("key", "value")
    servers.out_of_memory(False)
    client.set("key", "value")


def test_a_refused_command_ends_a_script_halfway(servers: RedisServers, client: Any) -> None:
    script = "redis.call('SET', KEYS[1], 'half'); redis.call('EXPIRE', KEYS[1], 60)"
    servers.refuse_command("EXPIRE", True)
    with pytest.raises(redis.ResponseError, match="can't run this command"):
        client.eval(script, 1, "key")
    assert client.get("key") == "half"
    servers.refuse_command("EXPIRE", False)
    client.eval(script, 1, "key")
    assert client.ttl("key") > 0
