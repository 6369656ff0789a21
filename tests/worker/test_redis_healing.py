"""Keys that are missing, foreign or of another type: the counts heal, or one line names the key."""

import itertools
import logging
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

import pytest

from dashboard.board import Board
from dashboard.redis_watch import RedisWatch
from tests.redis_server import RedisServer, contents, needs_redis_server
from tweets.records import Partition
from worker.counts import CommittedCounts, RunningCounts
from worker.kafka.committed import Committed
from worker.process.metrics import Metrics
from worker.process.stop import StopFlag
from worker.redis.publisher import CountsPublisher
from worker.redis.series_store import SeriesStore
from worker.redis.store import CountsStore, CountsStoreError
from worker.time_limits import TimeLimit
from worker.verify.compare import Wait, repair, verify

pytestmark = [needs_redis_server, pytest.mark.timeout(120)]

PREFIX = "{p}"
COUNTS = {
    Partition("tweets", 0): CommittedCounts(3, 60, RunningCounts({"joy": 50, "fear": 10})),
    Partition("tweets", 1): CommittedCounts(3, 40, RunningCounts({"love": 40})),
}
TOTALS = {"joy": 50, "fear": 10, "love": 40}
HASHES = ("counts", "partitions", "fences", "counts:minute:*")
FOREIGN_VALUES = (
    b"x",
    b"",
    b"-",
    b"1.5",
    b"1e3",
    b"NaN",
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"joy":{"a":1}}',
    b"9" * 5_000,
)


class OffsetsOnly:
    """Reads what is committed, and recounts nothing of the output."""

    topic = "tweets"

    def committed(self) -> dict[Partition, Committed]:
        return {partition: Committed(each.offset, each.counts) for partition, each in COUNTS.items()}

    def input_partitions(self) -> Collection[Partition]:
        return COUNTS.keys()

    def checkpoints(self, partitions: Collection[Partition]) -> Mapping[Partition, CommittedCounts]:
        return {}

    def recount(self, numbers: Collection[int]) -> Mapping[int, RunningCounts | None]:
        return dict.fromkeys(numbers)


@pytest.fixture
def store(server: RedisServer, redis: Any, monkeypatch: pytest.MonkeyPatch) -> CountsStore:
    """Return a store that has published, and compares the totals with the sums at every publish."""
    monkeypatch.setattr("worker.time_limits.REPUBLISH", TimeLimit(0, "always"))
    store = CountsStore(server.url, prefix=PREFIX, group="g")
    store.publish(COUNTS)
    return store


def key(redis: Any, name: str) -> str:
    return str(redis.keys(f"{{p}}:{name}")[0])


def assert_healed(redis: Any, store: CountsStore) -> None:
    assert {name: int(count) for name, count in redis.hgetall(f"{PREFIX}:counts").items()} == TOTALS
    assert all(finding.agrees for finding in verify(OffsetsOnly(), store, Wait(0))), verify(
        OffsetsOnly(), store, Wait(0)
    )
    assert store.publish(COUNTS) == dict.fromkeys(COUNTS, "known")


@pytest.mark.parametrize(
    "missing", [each for size in (1, 2, 3, 4) for each in itertools.combinations(HASHES, size)], ids="+".join
)
def test_any_missing_keys_come_back(redis: Any, store: CountsStore, missing: tuple[str, ...]) -> None:
    redis.delete(*(key(redis, name) for name in missing))
    store.publish(COUNTS)
    assert_healed(redis, store)
    assert "unfinished" not in contents(redis, PREFIX)
    if "counts:minute:*" not in missing and "counts" not in missing:
        assert contents(redis, PREFIX)["minutes"] == {name: str(count) for name, count in TOTALS.items()}


@pytest.mark.parametrize("name", HASHES)
def test_any_missing_field_comes_back(redis: Any, store: CountsStore, name: str) -> None:
    for field in redis.hkeys(key(redis, name)):
        redis.hdel(key(redis, name), field)
        store.publish(COUNTS)
        if name != "counts:minute:*":
            assert_healed(redis, store)


@pytest.mark.parametrize("value", FOREIGN_VALUES, ids=lambda value: repr(value[:16]))
@pytest.mark.parametrize("name", HASHES)
def test_foreign_values_in_our_fields_are_replaced(redis: Any, store: CountsStore, name: str, value: bytes) -> None:
    for field in redis.hkeys(key(redis, name)):
        redis.hset(key(redis, name), field, value)
    store.snapshot()
    verify(OffsetsOnly(), store, Wait(0))
    store.publish(COUNTS)
    assert_healed(redis, store)


@pytest.mark.parametrize("value", FOREIGN_VALUES, ids=lambda value: repr(value[:16]))
@pytest.mark.parametrize(
    "field", [b"x", b"\xff\xfe", b"", b"g|tweets|\xc2\xb2", b"g|tweets|0x1", b"g|tweets|" + b"9" * 5000]
)
@pytest.mark.parametrize("name", HASHES)
def test_foreign_fields_disturb_neither_worker_nor_verify_nor_repair_nor_page(
    redis: Any, store: CountsStore, name: str, field: bytes, value: bytes
) -> None:
    redis.hset(key(redis, name), field, value)
    assert all(finding.agrees for finding in verify(OffsetsOnly(), store, Wait(0)))
    board, stop = Board(), StopFlag()
    watch = RedisWatch(store, board, tuple(TOTALS), stop, series=SeriesStore("redis://127.0.0.1:1/0", prefix=PREFIX))
    watch._read()
    assert board.counts == TOTALS
    store.publish(COUNTS)
    assert_healed(redis, store)
    repair(OffsetsOnly(), store)
    assert {name: int(count) for name, count in redis.hgetall(f"{PREFIX}:counts").items()} == TOTALS


@pytest.mark.parametrize("name", HASHES)
@pytest.mark.parametrize("kind", ["string", "list", "set", "zset", "stream"])
def test_a_key_of_another_type_is_refused_with_a_line_that_names_it_and_heals_when_it_is_gone(
    redis: Any, store: CountsStore, name: str, kind: str
) -> None:
    damaged = key(redis, name)
    redis.delete(damaged)
    commands = {
        "string": ("SET", "x"),
        "list": ("RPUSH", "x"),
        "set": ("SADD", "x"),
        "zset": ("ZADD", 1, "x"),
        "stream": ("XADD", "*", "x", 1),
    }
    command, *arguments = commands[kind]
    redis.execute_command(command, damaged, *arguments)
    newer = {p: CommittedCounts(4, c.offset + 1, c.counts.plus(["joy"])) for p, c in COUNTS.items()}
    for counts in (COUNTS, newer):
        with pytest.raises(CountsStoreError) as caught:
            store.publish(counts)
        assert damaged in str(caught.value)
        assert "\n" not in str(caught.value)
        assert caught.value.refused
    if name in ("counts", "partitions"):
        calls: tuple[Callable[[], object], ...] = (
            store.snapshot,
            lambda: verify(OffsetsOnly(), store, Wait(0)),
            lambda: repair(OffsetsOnly(), store),
        )
        for call in calls:
            with pytest.raises(CountsStoreError, match=damaged):
                call()
    redis.delete(damaged)
    store.publish(COUNTS)
    assert_healed(redis, store)


def test_a_leftover_of_another_type_is_refused_and_named(redis: Any, store: CountsStore) -> None:
    redis.set(f"{PREFIX}:unfinished", "x")
    with pytest.raises(CountsStoreError, match=re.escape(f"the key {PREFIX}:unfinished is not a hash")):
        store.publish(COUNTS)
    redis.delete(f"{PREFIX}:unfinished")
    assert_healed(redis, store)


def test_a_hash_with_very_many_foreign_fields_heals(redis: Any, store: CountsStore) -> None:
    redis.hset(f"{PREFIX}:counts", mapping={f"field {number}": "x" for number in range(20_000)})
    store.publish(COUNTS)
    assert_healed(redis, store)


def test_a_foreign_leftover_of_a_failed_script_is_removed(redis: Any, store: CountsStore) -> None:
    for leftover in ({"minute": "x"}, {"base:joy": "y", "minute": "1"}, {"zz": "1"}, {"minute": "5"}):
        redis.hset(f"{PREFIX}:unfinished", mapping=leftover)
        store.publish(COUNTS)
        assert_healed(redis, store)
        assert not redis.exists(f"{PREFIX}:unfinished")


def test_edited_totals_and_edited_counts_of_a_partition_heal_and_are_reported(
    redis: Any, store: CountsStore, caplog: pytest.LogCaptureFixture
) -> None:
    redis.hincrby(f"{PREFIX}:counts", "joy", 5)
    redis.hset(f"{PREFIX}:partitions", "g|tweets|1", '{"love":7}')
    store.publish(COUNTS)
    assert_healed(redis, store)
    assert caplog.text.count("totals in {p}:counts differed from the sums over {p}:partitions") == 1


def test_the_counts_of_other_groups_stay(redis: Any, server: RedisServer, store: CountsStore) -> None:
    other = CountsStore(server.url, prefix=PREFIX, group="a|b")
    redis.hset(
        f"{PREFIX}:partitions", "a|b|tweets|0", '{"anger":5}'
    )  # of a release that did not refuse the second group
    redis.delete(f"{PREFIX}:counts")
    store.publish(COUNTS)
    assert store.snapshot()[0] == TOTALS | {"anger": 5}
    assert other.partition("a|b|tweets|0", "tweets") == Partition("tweets", 0)
    assert store.partition("a|b|tweets|0", "tweets") is None


def test_the_page_shows_a_refusal_logs_each_reason_once_and_recovers(
    redis: Any, store: CountsStore, caplog: pytest.LogCaptureFixture
) -> None:
    redis.delete(f"{PREFIX}:counts")
    redis.set(f"{PREFIX}:counts", "x")
    board, stop = Board(), StopFlag()
    watch = RedisWatch(store, board, tuple(TOTALS), stop, series=SeriesStore("redis://127.0.0.1:1/0", prefix=PREFIX))

    def look() -> str:
        try:
            watch._read()
        except CountsStoreError as error:
            watch._show_failure(error)
        return str(board.state()["redis"]["state"])

    assert [look(), look()] == ["refuses", "refuses"]
    assert caplog.text.count("{p}:counts") == 1
    redis.delete(f"{PREFIX}:counts")
    store.publish(COUNTS)
    assert look() == "answers"
    assert board.counts == TOTALS


def test_idle_partitions_are_published_every_republish_while_another_partition_is_busy(
    redis: Any, server: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("worker.time_limits.REPUBLISH", TimeLimit(0.3, "soon"))
    (busy, idle), stop = COUNTS, StopFlag()
    publisher = CountsPublisher(CountsStore(server.url, prefix=PREFIX, group="g"), Metrics(), stop.fail)
    publisher.start()
    publisher.assign(COUNTS)
    offset = 60
    try:
        for name in ("fences", "partitions", "counts", "flush"):
            if name == "flush":
                redis.flushall()
            else:
                redis.delete(f"{PREFIX}:{name}")
            for _ in range(60):
                offset += 1
                publisher.publish({busy: CommittedCounts(3, offset, RunningCounts({"joy": offset}))})
                stop.wait(0.01)
            found = contents(redis, PREFIX)
            assert found["fences"].keys() == {"g|tweets|0", "g|tweets|1"}, name
            assert found["counts"].get("love") == "40", name
    finally:
        publisher.close(5)
    assert redis.hgetall(f"{PREFIX}:counts") == {"joy": str(offset), "love": "40"}
    assert stop.failure is None
    assert idle.number == 1
