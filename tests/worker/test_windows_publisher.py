"""The thread that publishes periods: the loop never waits, and Redis has every period in the end."""

import logging
import time
from collections.abc import Iterator
from typing import cast

import pytest

from tests.worker.windows_in_memory import DEADLINE_S, ClosedInKafka, WindowsInMemory, failure
from tweets.periods import Cells, Period
from tweets.records import Partition
from worker.cells_json import dump
from worker.errors import TransientError
from worker.process.metrics import Metrics
from worker.redis.window_store import WindowStore
from worker.redis.windows_publisher import WindowsPublisher
from worker.time_limits import TimeLimit
from worker.windows import WindowUpdate

P0, P1 = Partition("tweets", 0), Partition("tweets", 1)
M1, M2, M3 = Period("minute", 1000), Period("minute", 1001), Period("minute", 1002)
OLD, OLD_HOUR = Period("minute", 500), Period("hour", 8)
LATE_MS = 60 * 60_000


def cells(joy: int) -> Cells:
    return {("", "joy"): joy, ("brand-x", "joy"): 1}


def update(offset: int, generation: int = 5, **periods: int) -> WindowUpdate:
    """Return an update of the minutes m1, m2, m3."""
    named = {"m1": M1, "m2": M2, "m3": M3}
    return WindowUpdate(generation, offset, {named[name]: cells(joy) for name, joy in periods.items()})


class Publishing:
    def __init__(self) -> None:
        self.store = WindowsInMemory()
        self.closed = ClosedInKafka()
        self.metrics = Metrics()
        self.deaths: list[BaseException] = []
        self.publisher = WindowsPublisher(
            cast(WindowStore, self.store),
            self.metrics,
            self.deaths.append,
            read_closed=self.closed,
            late_ms=LATE_MS,
        )

    def wait_for_marker(self, marker: str, partition: Partition = P0) -> None:
        self.store.wait(lambda: self.store.markers.get(partition) == marker)

    def joys(self, period: Period, partition: Partition = P0) -> str | None:
        return self.store.counts(period, partition)

    def published(self, outcome: str) -> float:
        return self.metrics.registry.get_sample_value("emotion_windows_published_total", {"outcome": outcome}) or 0.0


@pytest.fixture
def publishing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publishing]:
    for name in ("REDIS_RETRY_PAUSE", "WINDOWS_PUSH", "REPUBLISH"):
        monkeypatch.setattr(f"worker.time_limits.{name}", TimeLimit(0.002, "short"))
    publishing = Publishing()
    publishing.publisher.start()
    yield publishing
    publishing.store.free.set()
    publishing.store.error = None
    publishing.publisher.close(DEADLINE_S)
    assert publishing.deaths == []


def test_what_is_assigned_and_committed_is_published_and_then_marked(publishing: Publishing) -> None:
    publishing.publisher.assign({P0: update(10, m1=1), P1: update(20, m1=2)})
    publishing.wait_for_marker("5:10")
    publishing.wait_for_marker("5:20", P1)
    assert (publishing.joys(M1), publishing.joys(M1, P1)) == (dump(cells(1)), dump(cells(2)))
    publishing.publisher.publish({P0: update(11, m1=3, m2=1)})
    publishing.wait_for_marker("5:11")
    assert (publishing.joys(M1), publishing.joys(M2)) == (dump(cells(3)), dump(cells(1)))
    assert publishing.published("applied") == 4


def test_while_the_store_hangs_the_loop_does_not_wait_and_the_newest_counts_win(publishing: Publishing) -> None:
    publishing.publisher.assign({P0: update(1, m1=1)})
    publishing.wait_for_marker("5:1")
    publishing.store.free.clear()
    publishing.store.hanging.clear()
    assert publishing.store.hanging.wait(DEADLINE_S)
    started_s = time.monotonic()
    for offset in range(2, 2_000):
        publishing.publisher.publish({P0: update(offset, m1=offset)})
    assert time.monotonic() - started_s < 2.0
    before = len(publishing.store.pushes)
    publishing.store.free.set()
    publishing.wait_for_marker("5:1999")
    assert publishing.joys(M1) == dump(cells(1999))
    assert len(publishing.store.pushes) - before < 20


def test_a_period_is_pushed_at_most_once_in_the_interval_with_all_partitions_together(
    publishing: Publishing, monkeypatch: pytest.MonkeyPatch
) -> None:
    publishing.publisher.assign({P0: update(1, m1=1), P1: update(1, m1=1)})
    publishing.wait_for_marker("5:1", P1)
    monkeypatch.setattr("worker.time_limits.REPUBLISH", TimeLimit(100, "never"))
    monkeypatch.setattr("worker.time_limits.WINDOWS_PUSH", TimeLimit(0.3, "slow"))
    publishing.publisher.publish({P0: update(2, m1=2)})
    publishing.wait_for_marker("5:2")
    before = len(publishing.store.pushes)
    for offset in range(3, 100):
        publishing.publisher.publish({P0: update(offset, m1=offset), P1: update(offset, m1=offset)})
    publishing.wait_for_marker("5:99", P1)
    assert publishing.store.pushes[before:] == [(M1, {P0, P1})]


def test_an_update_that_the_loop_changes_afterwards_is_published_as_it_was(publishing: Publishing) -> None:
    changing = cells(1)
    publishing.publisher.assign({P0: WindowUpdate(5, 1, {M1: changing})})
    changing["", "fear"] = 7
    publishing.wait_for_marker("5:1")
    assert publishing.joys(M1) == dump(cells(1))


def test_a_store_that_fails_has_everything_in_the_end_and_is_logged_once(
    publishing: Publishing, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    publishing.publisher.assign({P0: update(1, m1=1)})
    publishing.wait_for_marker("5:1")
    publishing.store.error = failure()
    publishing.publisher.publish({P0: update(2, m1=2, m2=1)})
    attempts = publishing.store.attempts
    publishing.store.wait(lambda: publishing.store.attempts >= attempts + 4)
    publishing.publisher.publish({P0: update(3, m2=3)})
    publishing.store.error = None
    publishing.wait_for_marker("5:3")
    assert (publishing.joys(M1), publishing.joys(M2)) == (dump(cells(2)), dump(cells(3)))
    publishing.publisher.close(DEADLINE_S)
    assert caplog.text.count("cannot be published to Redis (ConnectionError: refused)") == 1
    assert caplog.text.count("Redis answers again") == 1


def test_a_wiped_redis_gets_open_and_closed_periods_again(publishing: Publishing) -> None:
    publishing.closed.periods = {P0: {OLD: cells(9), OLD_HOUR: cells(9)}, P1: {OLD: cells(4)}}
    publishing.publisher.assign({P0: update(1, m1=1), P1: update(1, m2=1)})
    publishing.wait_for_marker("5:1")
    publishing.wait_for_marker("5:1", P1)
    for offset in (2, 3):
        publishing.publisher.publish({P0: update(offset, m3=offset)})
        publishing.wait_for_marker(f"5:{offset}")
        publishing.store.wipe()
        publishing.wait_for_marker(f"5:{offset}")
        publishing.wait_for_marker("5:1", P1)
        assert (publishing.joys(OLD), publishing.joys(OLD, P1)) == (dump(cells(9)), dump(cells(4)))
        assert publishing.joys(OLD_HOUR) == dump(cells(9))
        assert (publishing.joys(M1), publishing.joys(M2, P1)) == (dump(cells(1)), dump(cells(1)))
        assert publishing.joys(M3) == dump(cells(offset))


def test_a_redis_that_is_wiped_between_a_push_and_its_marker_is_noticed(publishing: Publishing) -> None:
    publishing.closed.periods = {P0: {OLD: cells(9)}}
    publishing.publisher.assign({P0: update(1, m1=1)})
    publishing.wait_for_marker("5:1")
    wipes = 0

    def wipe_once() -> None:
        nonlocal wipes
        if not wipes:
            wipes += 1
            publishing.store.wipe()

    publishing.store.before_marking = wipe_once
    publishing.publisher.publish({P0: update(2, m2=1)})
    publishing.wait_for_marker("5:2")
    assert wipes == 1
    assert [publishing.joys(period) for period in (OLD, M1, M2)] == [dump(cells(9)), dump(cells(1)), dump(cells(1))]


def test_a_redis_that_went_back_to_an_earlier_state_gets_what_it_lost(publishing: Publishing) -> None:
    publishing.publisher.assign({P0: update(1, m1=1)})
    publishing.wait_for_marker("5:1")
    restore = publishing.store.snapshot()
    publishing.publisher.publish({P0: update(2, m1=5)})
    publishing.wait_for_marker("5:2")
    restore()
    publishing.wait_for_marker("5:2")
    assert publishing.joys(M1) == dump(cells(5))


def test_a_push_that_a_failover_lost_although_the_marker_is_the_expected_one_is_pushed_again(
    publishing: Publishing,
) -> None:
    publishing.publisher.assign({P0: update(1, m1=1)})
    publishing.wait_for_marker("5:1")
    lost = []

    def lose_the_push() -> None:
        if not lost:
            lost.append(publishing.store.periods.pop(M2))

    publishing.store.before_marking = lose_the_push
    publishing.publisher.publish({P0: update(2, m2=1)})
    publishing.store.wait(lambda: publishing.joys(M2) is not None and bool(lost))
    assert publishing.store.markers[P0] == "5:2"


def test_after_a_restart_closed_periods_are_read_only_where_the_marker_is_below_the_committed_offset(
    publishing: Publishing,
) -> None:
    publishing.store.markers = {P0: "4:10", P1: "4:19"}
    publishing.closed.periods = {P0: {OLD: cells(9)}, P1: {OLD: cells(4)}}
    publishing.publisher.assign({P0: update(10, m1=1), P1: update(20, m1=1)})
    publishing.wait_for_marker("5:10")
    publishing.wait_for_marker("5:20", P1)
    assert publishing.closed.reads == [frozenset({P1})]
    assert (publishing.joys(OLD), publishing.joys(OLD, P1)) == (None, dump(cells(4)))


def test_a_rebalance_in_which_a_partition_stays_neither_reads_closed_periods_nor_forgets_a_push(
    publishing: Publishing,
) -> None:
    publishing.publisher.assign({P0: update(1, m1=1)})
    publishing.wait_for_marker("5:1")
    reads = len(publishing.closed.reads)
    publishing.store.error = failure()
    publishing.publisher.publish({P0: update(2, m1=7)})
    publishing.publisher.assign({P0: update(2, 6, m2=1)})  # m1 has closed, so it is not among the open periods
    publishing.store.error = None
    publishing.wait_for_marker("6:2")
    assert (publishing.joys(M1), publishing.joys(M2)) == (dump(cells(7)), dump(cells(1)))
    assert len(publishing.closed.reads) == reads


def test_a_partition_that_came_back_from_another_owner_is_not_marked_before_its_closed_periods(
    publishing: Publishing,
) -> None:
    publishing.publisher.assign({P0: update(1, m1=1)})
    publishing.wait_for_marker("5:1")
    publishing.closed.periods = {P0: {OLD: cells(9)}}  # of an owner that died before it published
    publishing.publisher.assign({P0: update(50, 7, m2=1)})
    publishing.wait_for_marker("7:50")
    assert publishing.joys(OLD) == dump(cells(9))


def test_a_worker_that_has_lost_its_partition_leaves_the_new_owners_marker_alone(
    publishing: Publishing, caplog: pytest.LogCaptureFixture
) -> None:
    publishing.publisher.assign({P0: update(1, m1=1)})
    publishing.wait_for_marker("5:1")
    reads = len(publishing.closed.reads)
    publishing.store.publish(
        M1,
        {
            P0: publishing.store.periods[M1][P0]._replace(
                fence=publishing.store.periods[M1][P0].fence._replace(generation=6)
            )
        },
    )
    publishing.store.markers[P0] = "6:9"
    for offset in range(2, 8):
        publishing.publisher.publish({P0: update(offset, m1=offset)})
        pushes = len(publishing.store.pushes)
        publishing.store.wait(lambda: len(publishing.store.pushes) > pushes)  # noqa: B023
    publishing.publisher.close(DEADLINE_S)
    assert publishing.store.markers[P0] == "6:9"
    assert len(publishing.closed.reads) == reads
    assert publishing.published("stale") > 0
    assert caplog.text.count("Redis keeps refusing minutes, hours and days of tweets[0]") == 1


def test_a_checkpoint_topic_that_cannot_be_read_is_read_again(
    publishing: Publishing, caplog: pytest.LogCaptureFixture
) -> None:
    publishing.closed.error = TransientError("KafkaTimeoutError")
    publishing.closed.periods = {P0: {OLD: cells(9)}}
    publishing.publisher.assign({P0: update(1, m1=1)})
    publishing.wait_for_marker("5:1")
    assert publishing.joys(OLD) == dump(cells(9))
    publishing.publisher.close(DEADLINE_S)
    assert caplog.text.count("(KafkaTimeoutError)") == 1


def test_revoked_partitions_are_not_published(publishing: Publishing) -> None:
    publishing.store.error = failure()
    publishing.publisher.assign({P0: update(1, m1=1), P1: update(1, m1=1)})
    publishing.publisher.assign({P1: update(1, m1=1)})
    publishing.store.error = None
    publishing.wait_for_marker("5:1", P1)
    assert publishing.joys(M1) is None


def test_the_time_since_when_a_tweet_topic_is_counted_survives_a_wipe(publishing: Publishing) -> None:
    publishing.store.since = {"brand-x": 1000}
    publishing.publisher.count_subjects(["brand-x", "brand-y"])
    publishing.store.wait(lambda: "brand-y" in publishing.store.since)
    publishing.publisher.assign({P0: update(1, m1=1)})
    publishing.wait_for_marker("5:1")
    publishing.store.wipe()
    publishing.store.wait(lambda: publishing.store.since.get("brand-x") == 1000)


def test_a_close_publishes_what_is_open_and_gives_up_on_a_store_that_hangs(publishing: Publishing) -> None:
    publishing.publisher.assign({P0: update(1, m1=1)})
    publishing.wait_for_marker("5:1")
    publishing.publisher.publish({P0: update(2, m1=2)})
    publishing.publisher.close(DEADLINE_S)
    assert (publishing.store.markers[P0], publishing.joys(M1)) == ("5:2", dump(cells(2)))
    assert publishing.store.closed
    hanging = Publishing()
    hanging.store.free.clear()
    hanging.publisher.start()
    hanging.publisher.assign({P0: update(1, m1=1)})
    started_s = time.monotonic()
    hanging.publisher.close(0.05)
    assert time.monotonic() - started_s < 5
    hanging.store.free.set()


def test_an_unexpected_error_ends_the_process(publishing: Publishing) -> None:
    broken = Publishing()
    broken.store.error = RuntimeError("bug")
    broken.publisher.start()
    broken.publisher.assign({P0: update(1, m1=1)})
    broken.store.wait(lambda: bool(broken.store.attempts))
    broken.publisher.close(DEADLINE_S)
    assert [str(death) for death in broken.deaths] == ["bug"]
