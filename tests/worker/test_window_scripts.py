"""The script of a period on real servers: whatever fails, the next push gives the sums of all partitions."""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import redis as redis_py
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.local.ports import LOOPBACK
from tests.redis_server import RedisServer, failing_at, needs_redis_server
from tests.servers import Stack
from tests.worker.window_truth import (
    P0,
    P1,
    P2,
    PREFIX,
    Truth,
    contribution,
    fences,
    store_of,
    stored_sums,
    sums,
    this,
    wipe,
)
from tweets.periods import Cells, Period
from tweets.records import Partition
from worker.redis import window_store
from worker.redis.contributions import Contribution, Fence
from worker.redis.store import CountsStoreError
from worker.redis.window_scripts import MOST_CONTRIBUTIONS, PERIOD
from worker.redis.window_store import WindowStore

pytestmark = [needs_redis_server, pytest.mark.timeout(240)]

COMMANDS = ("evalsha", "script|load", "hgetall", "hmget", "hset", "hdel", "expire")
USER = ("~{p}:*", *(f"+{command}" for command in COMMANDS))
MOST_CALLS = 20


def test_the_hashes_of_a_period_are_the_sums_over_all_partitions(server: RedisServer, redis: Any) -> None:
    store, minute = store_of(server.url), this()
    assert store.publish(minute, {P0: contribution(3, joy=3, x__joy=1)}) == {P0: "applied"}
    assert store.publish(minute, {P0: contribution(3, joy=3, x__joy=1)}) == {P0: "known"}
    other = store_of(server.url)
    assert other.publish(minute, {P1: contribution(9, joy=2, y__fear=1)}) == {P1: "applied"}
    number = minute.number
    assert stored_sums(redis) == {
        f"minute:{number}": {"joy": "5"},
        f"topic:x:minute:{number}": {"joy": "1"},
        f"topic:y:minute:{number}": {"fear": "1"},
    }
    expected_s = minute.end_ms / 1000 + 48 * 3600 - redis.time()[0]
    for key in redis.keys("*"):
        assert abs(redis.ttl(key) - expected_s) < 30


def test_a_stale_contribution_changes_nothing(server: RedisServer, redis: Any) -> None:
    store, minute = store_of(server.url), this()
    store.publish(minute, {P0: contribution(7, 2, joy=7)})
    for stale in (contribution(6, 2, joy=6), contribution(99, 1, joy=9)):
        assert store.publish(minute, {P0: stale, P1: contribution(1, joy=1)})[P0] == "stale"
        assert stored_sums(redis)[f"minute:{minute.number}"] == {"joy": "8"}
    assert fences(redis, minute) == {"g|tweets|0": "2:7", "g|tweets|1": "1:1"}


def test_a_subject_and_an_emotion_that_a_new_owner_does_not_have_vanish(server: RedisServer, redis: Any) -> None:
    minute = this()
    store_of(server.url).publish(minute, {P0: contribution(7, joy=7, x__joy=2), P1: contribution(1, fear=1)})
    store_of(server.url).publish(minute, {P0: contribution(7, 2, love=1)})
    assert stored_sums(redis) == {f"minute:{minute.number}": {"love": "1", "fear": "1"}}


def test_an_expired_period_is_not_sent(server: RedisServer, redis: Any) -> None:
    assert store_of(server.url).publish(this(back=48 * 60 + 1), {P0: contribution(7, joy=7)}) == {}
    assert redis.keys("*") == []


def test_another_group_under_the_prefix_is_refused(server: RedisServer, redis: Any) -> None:
    minute = this("day")
    store_of(server.url).publish(minute, {P0: contribution(7, joy=7)})
    with pytest.raises(CountsStoreError, match=r"REDIS_KEY_PREFIX={p}: Redis has counts of the consumer group g"):
        store_of(server.url, group="h").publish(minute, {P0: contribution(7, joy=7)})
    assert stored_sums(redis) == {f"day:{minute.number}": {"joy": "7"}}


def test_foreign_values_count_as_nothing_and_are_replaced(server: RedisServer, redis: Any) -> None:
    store, minute = store_of(server.url), this()
    redis.hset(
        f"{PREFIX}:windows:minute:{minute.number}",
        mapping={"g|tweets|0": "x", "g|tweets|1": '1:5 {"":{"joy":-1}}', "?": '1:5 {"a:b":{"joy":1}}', "": "1:1 [1]"},
    )
    redis.hset(f"{PREFIX}:minute:{minute.number}", mapping={"joy": "many", "old": "3"})
    assert store.publish(minute, {P0: contribution(1, joy=2)}) == {P0: "applied"}
    assert stored_sums(redis) == {f"minute:{minute.number}": {"joy": "2"}}


def test_more_partitions_and_tweet_topics_than_one_call_takes(server: RedisServer, redis: Any) -> None:
    cells: Cells = {(f"s{number}", f"e{emotion}"): 1 for number in range(300) for emotion in range(9)}
    partitions = [Partition("tweets", number) for number in range(MOST_CONTRIBUTIONS + 5)]
    minute = this()
    truth: Truth = {partition: {minute: cells} for partition in partitions}
    sent = {partition: Contribution.of(Fence(1, 1), cells) for partition in partitions}
    assert set(store_of(server.url).publish(minute, sent).values()) == {"applied"}
    assert stored_sums(redis) == sums(truth)


@pytest.mark.parametrize("denied", COMMANDS)
def test_a_user_without_a_command_is_named_and_the_push_after_the_grant_is_right(
    server: RedisServer, redis: Any, denied: str
) -> None:
    minute = this()
    store_of(server.url).publish(minute, {P0: contribution(7, joy=7, x__joy=2), P1: contribution(1, fear=1)})
    redis.script_flush()
    limited = store_of(server.add_user("limited", *USER, f"-{denied}"))
    news = {P0: contribution(8, 2, joy=7, love=1)}
    if denied != "hmget":  # of the markers alone
        for _ in range(2):
            with pytest.raises(CountsStoreError, match=re.escape(f"may not run {denied.upper()}; grant the command")):
                limited.publish(minute, news)
        assert fences(redis, minute)["g|tweets|0"] == "1:7"
    server.add_user("limited", *USER)
    assert limited.publish(minute, news) == {P0: "applied"}
    assert stored_sums(redis) == {f"minute:{minute.number}": {"joy": "7", "love": "1", "fear": "1"}}
    limited.mark({P0: ("", Fence(2, 8))})
    assert (limited.marker_texts([P0]), limited.count_subjects({"x": 5})) == ({P0: "2:8"}, {"x": 5})


def test_out_of_memory_changes_nothing(server: RedisServer, redis: Any) -> None:
    store, minute = store_of(server.url), this()
    store.publish(minute, {P0: contribution(7, joy=7, x__joy=2)})
    before = stored_sums(redis)
    redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(CountsStoreError, match="OOM"):
            store.publish(minute, {P0: contribution(9, joy=9, x__love=2)})
        assert stored_sums(redis) == before
    finally:
        redis.config_set("maxmemory", 0)
    store.publish(minute, {P0: contribution(9, joy=9, x__love=2)})
    assert stored_sums(redis)[f"topic:x:minute:{minute.number}"] == {"love": "2"}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", range(1, MOST_CALLS + 1))
def test_a_script_that_fails_at_any_command_is_repaired_by_the_next_push(
    server: RedisServer, redis: Any, monkeypatch: pytest.MonkeyPatch, call: int, after: bool
) -> None:
    store, minute = store_of(server.url), this()
    for first in (True, False):  # the first push of the period, and one to a period that has contributions
        redis.flushall()
        if not first:
            store.publish(minute, {P0: contribution(7, joy=7, x__joy=2, z__joy=1), P1: contribution(1, x__fear=1)})
        news = {P0: contribution(8, 2, joy=7, love=1, x__love=1, y__joy=4)}
        with monkeypatch.context() as broken:
            broken.setattr(window_store, "PERIOD", failing_at(PERIOD, call, after=after))
            with suppress(CountsStoreError):
                store.publish(minute, news)
        truth: Truth = {P0: {minute: {("", "joy"): 7, ("", "love"): 1, ("x", "love"): 1, ("y", "joy"): 4}}}
        if first:
            store.publish(minute, news)
        else:  # by the next owner, which has not seen the failure
            store_of(server.url).publish(minute, {P0: contribution(9, 3, joy=7, love=1, x__love=1, y__joy=4)})
            truth[P1] = {minute: {("x", "fear"): 1}}
        assert stored_sums(redis) == sums(truth)


PARTITIONS = (P0, P1, P2)
STEP = st.tuples(
    st.sampled_from(["count", "count", "count", "push", "push", "stale", "lose", "wipe", "owner", "fail"]),
    st.integers(0, 2),  # partition
    st.integers(0, 2),  # period
    st.sampled_from(["", "x", "y", "x-1"]),
    st.sampled_from(["joy", "fear", "love"]),
    st.integers(1, 2 * MOST_CALLS),
)


class Interleaving:
    """Owners that count, push, fail and lose their partitions, in the order of a list of steps."""

    def __init__(self, redis: Any, url: str, patch: Callable[[str], None]) -> None:
        self.redis = redis
        self.stores = {partition: store_of(url) for partition in PARTITIONS}
        self.url, self.patch = url, patch
        self.periods = [this(), this(back=3), this("hour")]
        self.truth: Truth = {partition: {} for partition in PARTITIONS}
        self.fence = {partition: Fence(1, 0) for partition in PARTITIONS}
        self.sent: list[tuple[Period, Partition, Contribution]] = []

    def step(self, kind: str, number: int, period_number: int, subject: str, emotion: str, at: int) -> None:
        partition, period = PARTITIONS[number], self.periods[period_number]
        match kind:
            case "count":
                cells = self.truth[partition].setdefault(period, {})
                for cell in {("", emotion), (subject, emotion)}:
                    cells[cell] = cells.get(cell, 0) + at
                self.fence[partition] = self.fence[partition]._replace(offset=self.fence[partition].offset + 1)
            case "push":
                self.push(self.stores[partition], partition, period)
            case "fail":
                self.patch(failing_at(PERIOD, (at + 1) // 2, after=at % 2 == 0))
                with suppress(CountsStoreError):
                    self.push(self.stores[partition], partition, period)
                self.patch(PERIOD)
            case "stale" if self.sent:  # a repeat, or a write of a worker that was frozen
                old_period, old_partition, old = self.sent[at % len(self.sent)]
                self.stores[old_partition].publish(old_period, {old_partition: old})
            case "lose" if keys := sorted(self.redis.keys(f"{PREFIX}:*")):
                self.redis.delete(keys[at % len(keys)])
            case "wipe" if at > MOST_CALLS:
                wipe(self.redis)
            case "owner":
                self.stores[partition] = store_of(self.url)
                self.fence[partition] = self.fence[partition]._replace(generation=self.fence[partition].generation + 1)

    def push(self, store: WindowStore, partition: Partition, period: Period) -> None:
        if period in self.truth[partition]:
            contribution = Contribution.of(self.fence[partition], self.truth[partition][period])
            self.sent.append((period, partition, contribution))
            store.publish(period, {partition: contribution})

    def push_all(self) -> None:
        for partition in PARTITIONS:
            for period in self.truth[partition]:
                self.push(self.stores[partition], partition, period)


def interleave(redis: Any, url: str, steps: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    wipe(redis)
    interleaving = Interleaving(redis, url, lambda script: monkeypatch.setattr(window_store, "PERIOD", script))
    for step in steps:
        interleaving.step(*step)
    interleaving.push_all()
    assert stored_sums(redis) == sums(interleaving.truth)
    for each in interleaving.stores.values():
        each.close()


RANDOM = settings(
    derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@settings(RANDOM, max_examples=150)
@given(steps=st.lists(STEP, min_size=5, max_size=60))
def test_any_interleaving_ends_with_the_sums_after_the_next_pushes(
    server: RedisServer, redis: Any, monkeypatch: pytest.MonkeyPatch, steps: list[tuple[Any, ...]]
) -> None:
    interleave(redis, server.url, steps, monkeypatch)


@settings(RANDOM, max_examples=30)
@given(steps=st.lists(STEP, min_size=5, max_size=40))
def test_any_interleaving_on_the_embedded_redis(
    embedded_stack: Stack, monkeypatch: pytest.MonkeyPatch, steps: list[tuple[Any, ...]]
) -> None:
    with redis_py.Redis(host=LOOPBACK, port=embedded_stack.redis_port, decode_responses=True, protocol=2) as client:
        interleave(client, embedded_stack.redis_url, steps, monkeypatch)
