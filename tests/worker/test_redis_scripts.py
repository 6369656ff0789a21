"""The scripts on a real redis-server: whatever command fails at whatever line, a repeat gives the right counts."""

import random
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.redis_server import RedisServer, contents, failing_at, needs_redis_server, running
from tweets.records import Partition
from worker.counts import CommittedCounts, RunningCounts
from worker.redis import store as store_module
from worker.redis.scripts import MOST_PARTITIONS, PUBLISH, REPAIR
from worker.redis.store import CountsStore, CountsStoreError

pytestmark = [needs_redis_server, pytest.mark.timeout(120)]

PREFIX = "{p}"
COMMANDS = ("evalsha", "script|load", "hgetall", "hmget", "hvals", "hset", "hdel", "expire")
ALL = ("~{p}:*", *(f"+{command}" for command in COMMANDS))
P0, P1 = Partition("tweets", 0), Partition("tweets", 1)
MOST_CALLS = 17


def of(server: RedisServer) -> CountsStore:
    return CountsStore(server.url, prefix=PREFIX, group="g")


def committed(offset: int, generation: int = 1, **counts: int) -> CommittedCounts:
    return CommittedCounts(generation, offset, RunningCounts(counts))


def totals(redis: Any) -> dict[str, int]:
    return {name: int(count) for name, count in redis.hgetall(f"{PREFIX}:counts").items() if int(count)}


@pytest.mark.parametrize("denied", COMMANDS)
def test_a_user_without_one_of_the_commands_changes_no_totals_and_the_error_names_the_command(
    server: RedisServer, redis: Any, denied: str
) -> None:
    of(server).publish({P0: committed(90, joy=90)})
    redis.hset(f"{PREFIX}:counts", "foreign", "x")
    redis.script_flush()
    before = {**contents(redis, PREFIX), "unfinished": {}}
    url = server.add_user("limited", *ALL, f"-{denied}")
    limited = CountsStore(url, prefix=PREFIX, group="g")
    for _ in range(3):
        with pytest.raises(CountsStoreError) as caught:
            limited.publish({P0: committed(100, joy=100)})
        assert f"may not run {denied.upper()}" in str(caught.value), caught.value
        assert f"ACL SETUSER <user> +{denied}" in str(caught.value)
        assert {**contents(redis, PREFIX), "unfinished": {}} == before
    server.add_user("limited", *ALL)
    assert limited.publish({P0: committed(100, joy=100)}) == {P0: "applied"}
    assert contents(redis, PREFIX) == {
        "counts": {"joy": "100"},
        "partitions": {"g|tweets|0": '{"joy":100}'},
        "fences": {"g|tweets|0": "1:100"},
        "minutes": {"joy": "100"},
    }


def test_the_user_of_the_report_who_lacks_expire_counts_nothing_until_it_is_granted(
    server: RedisServer, redis: Any
) -> None:
    rules = ("~*", "-@all", "+@hash", "+@scripting", "+@connection")
    limited = CountsStore(server.add_user("report", *rules), prefix=PREFIX, group="g")
    for _ in range(3):
        with pytest.raises(
            CountsStoreError, match=r"may not run EXPIRE; grant the command: ACL SETUSER <user> \+expire"
        ):
            limited.publish({P0: committed(100, joy=100)})
    assert totals(redis) == {}
    server.add_user("report", *rules, "+expire")
    assert limited.publish({P0: committed(100, joy=100)}) == {P0: "applied"}
    assert (totals(redis), contents(redis, PREFIX)["minutes"]) == ({"joy": 100}, {"joy": "100"})


def test_a_user_without_the_keys_is_named(server: RedisServer, redis: Any) -> None:
    limited = CountsStore(server.add_user("elsewhere", "~other:*", "+@all"), prefix=PREFIX, group="g")
    with pytest.raises(CountsStoreError, match=re.escape("ACL SETUSER <user> ~{p}:*")):
        limited.publish({P0: committed(100, joy=100)})
    assert redis.keys("*") == []


def run(store: CountsStore, monkeypatch: pytest.MonkeyPatch, script: str, changed: str) -> None:
    monkeypatch.setattr(store_module, "PUBLISH" if script is PUBLISH else "REPAIR", changed)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", range(1, MOST_CALLS + 1))
def test_a_publish_that_failed_at_any_command_is_right_after_a_repeat_also_in_the_next_minute(
    server: RedisServer, redis: Any, monkeypatch: pytest.MonkeyPatch, call: int, after: bool
) -> None:
    for minutes_later in (0, 1):
        redis.flushall()
        now_s = 1_000_000.0
        monkeypatch.setattr("worker.redis.store.time.time", lambda: now_s)  # noqa: B023
        store = of(server)
        store.publish({P0: committed(60, joy=50, fear=10), P1: committed(40, love=40)})
        with monkeypatch.context() as broken:
            run(store, broken, PUBLISH, failing_at(PUBLISH, call, after=after))
            for _ in range(2):
                _try(store, {P0: committed(75, joy=60, anger=15)})
        now_s += 60 * minutes_later
        store.publish({P0: committed(75, joy=60, anger=15)})
        found = contents(redis, PREFIX)
        assert totals(redis) == {"joy": 60, "love": 40, "anger": 15}
        assert found["minutes"] == {"joy": "60", "love": "40", "anger": "15"}
        assert found["fences"] == {"g|tweets|0": "1:75", "g|tweets|1": "1:40"}
        assert "unfinished" not in found
        assert all(0 < redis.ttl(key) <= 24 * 3600 for key in redis.keys("*minute*"))


@pytest.mark.parametrize("lost", ["", "counts", "partitions", "fences"])
@pytest.mark.parametrize("call", range(1, MOST_CALLS + 2))
def test_a_first_publish_and_one_after_a_lost_key_may_fail_at_any_command(
    server: RedisServer, redis: Any, monkeypatch: pytest.MonkeyPatch, call: int, lost: str
) -> None:
    store = of(server)
    if lost:
        store.publish({P0: committed(60, joy=60), P1: committed(40, love=40)})
        redis.hset(f"{PREFIX}:counts", "foreign", "x")
        redis.delete(f"{PREFIX}:{lost}")
    news = {P0: committed(75, joy=70, anger=5), P1: committed(40, love=40)}
    with monkeypatch.context() as broken:
        run(store, broken, PUBLISH, failing_at(PUBLISH, call, after=True))
        for _ in range(2):
            _try(store, news)
        if call > MOST_CALLS:
            store.publish(news)  # no publish has more commands than those that are tried here
    store.publish(news)
    assert redis.hgetall(f"{PREFIX}:counts") == {"joy": "70", "anger": "5", "love": "40"}
    assert redis.hgetall(f"{PREFIX}:fences") == {"g|tweets|0": "1:75", "g|tweets|1": "1:40"}
    assert not redis.exists(f"{PREFIX}:unfinished")


def _try(store: CountsStore, counts: dict[Partition, CommittedCounts]) -> None:
    with suppress(CountsStoreError):
        store.publish(counts)


def test_failures_at_random_commands_in_random_minutes_of_two_workers_never_change_the_sums(
    server: RedisServer, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(10)
    now_s = 1_000_000.0
    monkeypatch.setattr("worker.redis.store.time.time", lambda: now_s)
    stores = {P0: of(server), P1: of(server)}
    counts: dict[Partition, dict[str, int]] = {P0: {}, P1: {}}
    offset = 0
    for _ in range(300):
        offset += 1
        partition = chance.choice((P0, P1))
        name = chance.choice(("joy", "fear", "love"))
        counts[partition][name] = counts[partition].get(name, 0) + chance.randint(1, 9)
        news = {partition: committed(offset, **counts[partition])}
        now_s += chance.choice((0, 0, 0, 20, 70, -15))
        if chance.random() < 0.6:
            with monkeypatch.context() as broken:
                changed = failing_at(PUBLISH, chance.randint(1, MOST_CALLS), after=chance.random() < 0.5)
                run(stores[partition], broken, PUBLISH, changed)
                _try(stores[partition], news)
    for partition, store in stores.items():
        store.publish({partition: committed(offset + 1, **counts[partition])})
    expected = {name: counts[P0].get(name, 0) + counts[P1].get(name, 0) for name in ("joy", "fear", "love")}
    assert totals(redis) == expected
    assert contents(redis, PREFIX)["minutes"] == {name: str(count) for name, count in expected.items()}


@pytest.mark.parametrize("call", range(1, 9))
def test_a_repair_that_failed_at_any_command_is_right_after_a_repeat(
    server: RedisServer, redis: Any, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    store = of(server)
    store.publish({P0: committed(60, joy=60), P1: committed(40, love=40)})
    redis.hset(f"{PREFIX}:counts", mapping={"joy": 7, "foreign": "x"})
    with monkeypatch.context() as broken:
        run(store, broken, REPAIR, failing_at(REPAIR, call, after=True))
        with suppress(CountsStoreError):
            store.repair({P0: committed(61, joy=61)})
    store.repair({P0: committed(61, joy=61)})
    assert redis.hgetall(f"{PREFIX}:counts") == {"joy": "61", "love": "40"}
    assert redis.hget(f"{PREFIX}:fences", "g|tweets|0") == "0:61"
    assert store.publish({P0: committed(61, joy=61)}) == {P0: "applied"}
    assert totals(redis) == {"joy": 61, "love": 40}


@pytest.mark.parametrize("denied", ["hgetall", "hmget", "hset", "hdel", "evalsha", "script|load"])
def test_a_repair_by_a_user_without_one_of_the_commands_changes_no_totals_and_is_named(
    server: RedisServer, redis: Any, denied: str
) -> None:
    of(server).publish({P0: committed(60, joy=60)})
    redis.hset(f"{PREFIX}:counts", mapping={"joy": 7, "foreign": "x"})
    redis.script_flush()
    before = redis.hgetall(f"{PREFIX}:counts")
    limited = CountsStore(server.add_user("limited", *ALL, f"-{denied}"), prefix=PREFIX, group="g")
    for _ in range(2):
        with pytest.raises(CountsStoreError, match=re.escape(f"may not run {denied.upper()}")):
            limited.repair({P0: committed(61, joy=61)})
    assert redis.hgetall(f"{PREFIX}:counts") == before


@pytest.mark.parametrize("renamed", ["EXPIRE", "HDEL", "HSET", "HMGET", "HGETALL"])
def test_a_server_that_lacks_a_command_changes_no_totals_and_the_command_is_named(tmp_path: Path, renamed: str) -> None:
    with running(tmp_path, config=f'save ""\nrename-command {renamed} ""\n') as lacking, lacking.client() as client:
        for _ in range(2):
            with pytest.raises(CountsStoreError, match=rf"\[{renamed} .*lacks the command"):
                of(lacking).publish({P0: committed(90, joy=90)})
        assert not client.exists(f"{PREFIX}:counts", f"{PREFIX}:partitions", f"{PREFIX}:fences")


def test_out_of_memory_changes_nothing_and_the_counts_are_right_afterwards(server: RedisServer, redis: Any) -> None:
    store = of(server)
    store.publish({P0: committed(60, joy=60)})
    before = contents(redis, PREFIX)
    redis.config_set("maxmemory", 1)
    try:
        for offset in (70, 70, 80):
            with pytest.raises(CountsStoreError, match=r"^ResponseError: OOM [^:]+\[HSET {p}:unfinished\]$"):
                store.publish({P0: committed(offset, joy=offset)})
        assert contents(redis, PREFIX) == before
    finally:
        redis.config_set("maxmemory", 0)
    store.publish({P0: committed(80, joy=80)})
    assert (totals(redis), contents(redis, PREFIX)["minutes"]) == ({"joy": 80}, {"joy": "80"})


def test_more_partitions_than_one_call_takes_are_published(server: RedisServer, redis: Any) -> None:
    counts = {Partition("tweets", number): committed(1, joy=1) for number in range(2 * MOST_PARTITIONS + 1)}
    store = of(server)
    assert set(store.publish(counts).values()) == {"applied"}
    assert set(store.publish(counts).values()) == {"known"}
    assert totals(redis) == {"joy": len(counts)}


def test_a_publish_of_several_partitions_is_one_command(server: RedisServer, redis: Any) -> None:
    store = of(server)
    store.publish({P0: committed(1, joy=1)})
    redis.config_resetstat()
    store.publish({P0: committed(2, joy=2), P1: committed(2, joy=2)})
    assert redis.info("commandstats")["cmdstat_evalsha"]["calls"] == 1
