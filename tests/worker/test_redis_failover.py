"""One address before several servers, and servers that are not the right one or are old."""

import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from deploy.local.children import Child
from deploy.local.ports import LOOPBACK, free_ports
from tests.redis_server import contents, needs_redis_server, one_address, running
from tests.servers import eventually
from tests.worker.redis_publishing import P0, PREFIX, RedisPublishing, committed, total, wait_for_total
from worker.redis.store import CountsStore, CountsStoreError

pytestmark = [needs_redis_server, pytest.mark.timeout(120)]


def test_after_a_failover_behind_one_address_the_counts_continue_on_the_new_master(
    tmp_path: Path, servers: ExitStack, publishing: Callable[[str], RedisPublishing], caplog: pytest.LogCaptureFixture
) -> None:
    first = servers.enter_context(running(tmp_path))
    second = servers.enter_context(running(tmp_path, "--replicaof", LOOPBACK, str(first.port)))
    proxy, url = servers.enter_context(one_address(tmp_path, first.port))
    stream = publishing(url)
    wait_for_total(first, stream.commit())
    wait_for_total(second, stream.offset + 7)
    for old, new in ((first, second), (second, first), (first, second)):
        with old.client() as demoted, new.client() as promoted:
            promoted.execute_command("REPLICAOF", "NO", "ONE")
            demoted.execute_command("REPLICAOF", LOOPBACK, new.port)
        proxy.target_port = new.port
        wait_for_total(new, stream.commit())
        wait_for_total(old, stream.offset + 7)
    with second.client() as client:
        assert contents(client, PREFIX)["minutes"] == {"joy": str(stream.offset + 7)}
    assert "READONLY" in caplog.text or "ReadOnlyError" in caplog.text


def test_a_master_without_enough_replicas_and_a_full_disk_are_retried_on_a_new_connection(
    tmp_path: Path, servers: ExitStack, publishing: Callable[[str], RedisPublishing]
) -> None:
    isolated = servers.enter_context(running(tmp_path))
    master = servers.enter_context(running(tmp_path))
    proxy, url = servers.enter_context(one_address(tmp_path, isolated.port))
    stream = publishing(url)
    wait_for_total(isolated, stream.commit())
    with isolated.client() as client:
        client.config_set("min-replicas-to-write", 1)
    proxy.target_port = master.port
    wait_for_total(master, stream.commit())


@pytest.mark.parametrize(
    "reply",
    [
        "READONLY You can't write against a read only replica.",
        "LOADING Redis is loading the dataset in memory",
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        "CLUSTERDOWN The cluster is down",
        "NOREPLICAS Not enough good replicas to write.",
        "TRYAGAIN Multiple keys request during rehashing of slot",
        "MISCONF Redis is configured to save RDB snapshots, but it is currently not able to persist on disk.",
        "MOVED 3999 127.0.0.1:6381",
        "ASK 3999 127.0.0.1:6381",
        "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
        "ERR unknown",
    ],
    ids=lambda reply: reply.split()[0],
)
def test_every_error_reply_closes_the_connection_and_the_next_call_opens_a_new_one(
    tmp_path: Path, servers: ExitStack, reply: str
) -> None:
    wrong = socket.create_server((LOOPBACK, 0))
    servers.callback(wrong.close)
    proxy, url = servers.enter_context(one_address(tmp_path, wrong.getsockname()[1]))
    threading.Thread(target=_answer_always, args=(wrong, reply), daemon=True).start()
    store = CountsStore(url, prefix=PREFIX, group="g")
    for _ in range(2):
        with pytest.raises(CountsStoreError) as caught:
            store.publish({P0: committed(1)})
        assert "\n" not in str(caught.value)
    if reply.startswith(("MOVED", "ASK", "CLUSTERDOWN")):
        assert "redis+cluster://" in str(caught.value)
    proxy.target_port = servers.enter_context(running(tmp_path)).port
    assert store.publish({P0: committed(1)}) == {P0: "applied"}
    store.close()


def _answer_always(listener: socket.socket, reply: str) -> None:
    """Answers OK to the set-up of a connection, and `reply` to each script."""
    try:
        while True:
            connection, _ = listener.accept()
            with connection:
                while data := connection.recv(65_536):
                    for _ in range(data.count(b"CLIENT")):
                        connection.sendall(b"+OK\r\n")
                    if b"EVALSHA" in data:
                        connection.sendall(f"-{reply}\r\n".encode())
    except OSError:
        return


def test_a_name_is_resolved_again_after_an_error(
    tmp_path: Path, servers: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = servers.enter_context(running(tmp_path)), servers.enter_context(running(tmp_path))
    present = first
    resolve = socket.getaddrinfo

    def by_name(host: str, port: int, *rest: Any, **options: Any) -> Any:
        return resolve(LOOPBACK, present.port, *rest, **options) if host == "counts" else resolve(host, port, *rest)

    monkeypatch.setattr(socket, "getaddrinfo", by_name)
    store = CountsStore("redis://counts:6379/0", prefix=PREFIX, group="g")
    store.publish({P0: committed(1)})
    with first.client() as client:
        client.execute_command("REPLICAOF", LOOPBACK, second.port)
    present = second
    with pytest.raises(CountsStoreError):
        store.publish({P0: committed(2)})
    store.publish({P0: committed(2)})
    assert total(second) == 2
    store.close()


@pytest.mark.parametrize("config", ["", "requirepass secret\n"], ids=["open", "password"])
def test_a_server_without_hello_works(tmp_path: Path, servers: ExitStack, config: str) -> None:
    old = servers.enter_context(running_without_hello(tmp_path, config))
    login = ":secret@" if config else ""
    url = f"redis://{login}{LOOPBACK}:{old}/0"
    store = CountsStore(url, prefix=PREFIX, group="g")
    assert store.publish({P0: committed(3)}) == {P0: "applied"}
    assert store.snapshot() == ({"joy": 3}, {"g|tweets|0": {"joy": 3}})
    store.close()
    with pytest.raises(CountsStoreError, match=re.escape("?protocol=2")):
        CountsStore(f"{url}?protocol=3", prefix=PREFIX, group="g").publish({P0: committed(3)})


@contextmanager
def running_without_hello(folder: Path, config: str) -> Iterator[int]:
    """Run a real server that does not know HELLO and CLIENT, as servers before Redis 6; yield the port."""
    (port,) = free_ports(1)
    written = folder / "old.conf"
    renamed = 'rename-command HELLO ""\nrename-command CLIENT ""\n'
    written.write_text(f'port {port}\nbind {LOOPBACK}\nsave ""\n{renamed}{config}', encoding="utf-8")
    child = Child("old", ["redis-server", str(written)], env=os.environ, log=folder / "old.log", stop_s=5)

    def listening() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, port)) == 0

    try:
        eventually(listening, 10, "the server listens")
        yield port
    finally:
        child.stop()
