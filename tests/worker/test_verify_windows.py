"""Comparing minutes, hours and days in Redis with the recount, and repairing them, with a real redis-server."""

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.redis_server import RedisServer, needs_redis_server
from tests.worker.window_truth import P0, P1, PREFIX, contribution, fences, store_of, stored_sums, sums, this
from tweets.periods import Cells, CountedTweet, Period
from tweets.records import Partition
from worker.redis.contributions import Contribution, Fence
from worker.verify.finding import Finding
from worker.verify.repair_windows import repair_windows
from worker.verify.window_findings import NOT_COMPARED, PERIODS
from worker.verify.windows import WindowsCheck
from worker.windows.recount import WindowRecount
from worker.windows.state import WindowLimits

pytestmark = needs_redis_server

MINUTE, HOUR, DAY = this(), this("hour"), this("day")


def ago(minutes: int) -> Period:
    """Return the minute so long before MINUTE, whatever the time is now."""
    return Period("minute", MINUTE.number - minutes)


@dataclass
class State:
    complete_from: int = 0
    minutes_from: int = 0
    limits: WindowLimits = field(default_factory=WindowLimits)


@dataclass
class WindowsInKafka:
    """What workers have committed; `complete_from` of each partition that has a state."""

    complete_from: dict[Partition, int] = field(default_factory=lambda: {P0: 0, P1: 0})
    open_periods: dict[Partition, dict[Period, Cells]] = field(default_factory=dict)
    closed_periods: dict[Partition, dict[Period, Cells]] = field(default_factory=dict)
    minutes_from: int = 0
    limits: WindowLimits = field(default_factory=WindowLimits)
    order: list[str] = field(default_factory=list)

    def states(self, partitions: Collection[Partition]) -> Mapping[Partition, State]:
        found = {p: minute for p, minute in self.complete_from.items() if p in partitions}
        return {p: State(minute, self.minutes_from, self.limits) for p, minute in found.items()}

    def open(self, partitions: Collection[Partition]) -> Iterable[tuple[Partition, Period, Cells]]:
        self.order.append("open")
        return ((p, period, cells) for p in partitions for period, cells in self.open_periods.get(p, {}).items())

    def closed(self, partitions: Collection[Partition]) -> Iterable[tuple[Partition, Period, Cells]]:
        self.order.append("closed")
        return ((p, period, cells) for p in partitions for period, cells in self.closed_periods.get(p, {}).items())


class Verifying:
    """Three tweets of partition 0 and one of partition 1 in the present minute, in the output topic and in Redis."""

    def __init__(self, server: RedisServer) -> None:
        self.kafka = WindowsInKafka()
        self.store = store_of(server.url)
        self.recount = WindowRecount(WindowLimits(), now_ms=MINUTE.start_ms)
        self.counts: dict[Partition, dict[str, int]] = {P0: {}, P1: {}}
        self.later_s = 0.0
        self.check = WindowsCheck(self.recount, self.kafka, self.store, lambda: time.time() + self.later_s)
        self.count(P0, "x", 2)
        self.count(P0, "", 1)
        self.count(P1, "", 1)
        self.publish(P0)
        self.publish(P1)

    def count(self, partition: Partition, subject: str, tweets: int) -> None:
        """Write tweets to the output topic."""
        subjects = (subject,) if subject else ()
        self.recount.add(partition.number, [CountedTweet(MINUTE.start_ms, "joy", subjects)] * tweets)

    def publish(self, partition: Partition, offset: int = 1) -> None:
        """Publish what the output topic has."""
        for period in (MINUTE, HOUR, DAY):
            cells = self.recount.cells(partition.number, period)
            self.store.publish(period, {partition: Contribution.of(Fence(1, offset), cells)})

    def look(self) -> dict[str, Finding]:
        return {finding.subject: finding for finding in self.check.findings([P0, P1])}

    def wrong(self) -> dict[str, str]:
        return {name: finding.detail for name, finding in self.look().items() if not finding.agrees}


@pytest.fixture
def verifying(server: RedisServer, redis: Any) -> Verifying:
    return Verifying(server)


def test_where_everything_agrees_there_is_one_finding(verifying: Verifying) -> None:
    (finding,) = verifying.look().values()
    assert finding == Finding(PERIODS, True, finding.detail)
    assert finding.detail.endswith(" minutes, hours and days agree with the output topic")


def test_a_contribution_that_differs_is_named_with_period_tweet_topic_and_partition(
    verifying: Verifying, redis: Any
) -> None:
    verifying.store.publish(MINUTE, {P0: contribution(2, joy=3, x__joy=1, y__fear=4)})
    wrong = verifying.wrong()
    start = f"{wrong.keys() - {PERIODS}}".split("minute ")[1][:17]
    assert wrong == {
        f"minute {start} tweet topic x": "Redis differs: tweets[0]: joy 1 instead of 2",
        f"minute {start} tweet topic y": "Redis differs: tweets[0]: fear 4 instead of 0",
        PERIODS: "2 counts of a minute, hour or day of all tweets or of a tweet topic differ",
    }


def test_a_hash_that_was_edited_or_deleted_is_named(verifying: Verifying, redis: Any) -> None:
    redis.hset(f"{PREFIX}:hour:{HOUR.number}", "joy", 9)
    redis.hset(f"{PREFIX}:topics", "old", 5)
    redis.hset(f"{PREFIX}:topic:old:day:{DAY.number}", "fear", "many")
    redis.delete(f"{PREFIX}:topic:x:minute:{MINUTE.number}")
    details = sorted(verifying.wrong().values())
    assert details[1:] == [
        "Redis differs: the sum of all partitions: fear -1 instead of 0",
        "Redis differs: the sum of all partitions: joy 0 instead of 2",
        "Redis differs: the sum of all partitions: joy 9 instead of 4",
    ]


def test_many_differences_are_counted(verifying: Verifying, redis: Any) -> None:
    for minutes in range(1, 40):
        verifying.store.publish(ago(minutes), {P0: contribution(1, joy=1)})
    wrong = verifying.wrong()
    assert len(wrong) == 21
    assert wrong[PERIODS].startswith("39 counts of a minute")
    assert wrong[PERIODS].endswith("19 of them not named here")


def test_an_expired_period_is_not_compared(verifying: Verifying, redis: Any) -> None:
    redis.hset(f"{PREFIX}:minute:{MINUTE.number - 48 * 60 - 1}", "joy", 9)
    assert verifying.wrong() == {}


def test_periods_before_a_worker_counted_completely_are_named_and_not_compared(verifying: Verifying) -> None:
    verifying.kafka.complete_from[P0] = MINUTE.number + 1
    verifying.store.publish(MINUTE, {P0: contribution(2, joy=1)})
    finding = verifying.look()[NOT_COMPARED]
    assert finding.agrees
    assert finding.detail.startswith("1 partition before 2")
    assert verifying.wrong() == {}
    verifying.store.publish(MINUTE, {P1: contribution(2, joy=7)})
    assert verifying.wrong() == {}  # agreed before


def test_a_partition_without_state_is_named_and_its_sums_are_compared(verifying: Verifying, redis: Any) -> None:
    del verifying.kafka.complete_from[P0]
    verifying.store.publish(MINUTE, {P0: contribution(2, joy=1)})
    redis.hset(f"{PREFIX}:minute:{MINUTE.number}", "joy", 9)
    assert "1 partition at all" in verifying.look()[NOT_COMPARED].detail
    assert next(iter(verifying.wrong().values())) == "Redis differs: the sum of all partitions: joy 9 instead of 2"


def test_a_period_that_expires_while_verify_waits_is_not_compared_any_more(verifying: Verifying) -> None:
    verifying.store.publish(this(back=48 * 60 - 2), {P0: contribution(2, joy=9)})
    assert len(verifying.wrong()) == 2
    verifying.later_s = 120
    assert verifying.wrong() == {}


def test_minutes_that_expired_with_an_earlier_window_keep_hours_are_named_and_not_compared(
    verifying: Verifying,
) -> None:
    verifying.kafka.minutes_from = MINUTE.number - 5
    verifying.store.publish(ago(6), {P0: contribution(2, joy=9)})
    assert verifying.wrong() == {}
    assert verifying.look()[NOT_COMPARED].detail.startswith("minutes of 2 partitions before 2")
    verifying.store.publish(ago(4), {P0: contribution(2, joy=9)})
    verifying.store.publish(Period("hour", HOUR.number - 3), {P0: contribution(2, joy=9)})
    again = WindowsCheck(verifying.recount, verifying.kafka, verifying.store)
    wrong = [finding.subject for finding in again.findings([P0, P1]) if not finding.agrees]
    assert [subject.split()[0] for subject in wrong] == ["minute", "hour", PERIODS]


def test_minutes_that_workers_with_a_smaller_window_keep_hours_do_not_keep_are_not_compared(
    verifying: Verifying,
) -> None:
    verifying.kafka.limits = WindowLimits(60, 30)
    verifying.store.publish(this(back=31 * 60), {P0: contribution(2, joy=9)})
    assert verifying.wrong() == {}
    assert "minutes of 2 partitions" in verifying.look()[NOT_COMPARED].detail


def test_partitions_with_another_window_late_minutes_are_named_and_not_compared(verifying: Verifying) -> None:
    verifying.kafka.limits = WindowLimits(90, 48)
    verifying.store.publish(MINUTE, {P0: contribution(2, joy=9)})
    assert verifying.wrong() == {}
    expected = "2 partitions at all: a worker has WINDOW_LATE_MINUTES=90, set the same for verify"
    assert verifying.look()[NOT_COMPARED].detail == expected


def test_after_retention_only_later_minutes_are_compared(verifying: Verifying) -> None:
    verifying.recount.begins(0, MINUTE.start_ms)
    verifying.store.publish(MINUTE, {P0: contribution(2, joy=70)})
    assert verifying.wrong() == {}
    assert "1 partition before" in verifying.look()[NOT_COMPARED].detail


def test_under_load_a_period_agrees_that_redis_follows(verifying: Verifying) -> None:
    verifying.count(P0, "x", 2)
    assert verifying.wrong()
    for offset in range(2, 4):
        verifying.publish(P0, offset)
        verifying.count(P0, "x", 1)  # the recount is always ahead of Redis
        assert offset > 2 or verifying.wrong()
    assert verifying.wrong() == {}


def test_under_load_a_wrong_period_never_agrees(verifying: Verifying) -> None:
    for offset in range(2, 8):
        verifying.count(P0, "", 1)
        verifying.store.publish(MINUTE, {P0: contribution(offset, joy=99 + offset)})
        assert verifying.wrong()
    for offset in range(8, 12):
        verifying.count(P0, "", 1)
        verifying.store.publish(MINUTE, {P0: contribution(offset, joy=1)})
        assert verifying.wrong()


def test_a_contribution_of_a_partition_without_output_is_found(verifying: Verifying) -> None:
    verifying.store.publish(MINUTE, {Partition("tweets", 7): contribution(2, joy=1)})
    assert "Redis differs: tweets[7]: joy 1 instead of 0" in verifying.wrong().values()


def committed(verifying: Verifying) -> None:
    """Commit the windows of the output topic."""
    for partition in (P0, P1):
        cells = {period: verifying.recount.cells(partition.number, period) for period in (MINUTE, HOUR, DAY)}
        verifying.kafka.open_periods[partition] = cells
    verifying.kafka.closed_periods[P0] = {this(back=90): {("x", "joy"): 5, ("", "joy"): 5}}


def test_a_repair_makes_redis_equal_to_kafka_and_lets_the_owner_push_again(verifying: Verifying, redis: Any) -> None:
    committed(verifying)
    gone = Partition("tweets", 7)
    verifying.store.publish(MINUTE, {P0: contribution(2, 9, joy=70, y__fear=1), gone: contribution(1, joy=1)})
    verifying.store.publish(this(back=5), {P1: contribution(3, 9, joy=5)})
    redis.hset(f"{PREFIX}:topics", "old", 5)
    redis.hset(f"{PREFIX}:topic:old:day:{DAY.number}", "fear", 3)
    redis.delete(f"{PREFIX}:hour:{HOUR.number}")
    verifying.store.mark({P0: ("", Fence(9, 2))})
    repair_windows(verifying.kafka, verifying.store, [P0, P1])
    truth = {
        partition: verifying.kafka.open_periods.get(partition, {}) | verifying.kafka.closed_periods.get(partition, {})
        for partition in (P0, P1)
    }
    assert stored_sums(redis) == sums(truth)
    assert fences(redis, MINUTE) == {"g|tweets|0": "0:0", "g|tweets|1": "0:0", "g|tweets|7": "0:0"}
    assert verifying.store.marker_texts([P0, P1]) == {P0: "0:0", P1: "0:0"}
    assert verifying.store.publish(MINUTE, {P0: contribution(1, 1, joy=4)}) == {P0: "applied"}


def test_a_repair_keeps_what_only_redis_has(verifying: Verifying, redis: Any) -> None:
    verifying.kafka.complete_from = {P0: MINUTE.number + 1}
    before = stored_sums(redis)
    repair_windows(verifying.kafka, verifying.store, [P0, P1])
    assert stored_sums(redis) == before


def test_a_repair_takes_what_closes_while_kafka_is_read_as_it_was_closed(verifying: Verifying, redis: Any) -> None:
    committed(verifying)
    verifying.kafka.closed_periods[P0][MINUTE] = {("", "joy"): 8}
    repair_windows(verifying.kafka, verifying.store, [P0, P1])
    assert verifying.kafka.order == ["open", "closed"]
    assert redis.hget(f"{PREFIX}:minute:{MINUTE.number}", "joy") == "9"
