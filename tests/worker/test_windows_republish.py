"""What a Redis that lost data, and what the next owner of a partition, gets published again."""

import time
from collections.abc import Iterator

import pytest

from tests.worker.windows_in_memory import DEADLINE_S, failure
from tests.worker.windows_publishing import (
    M1,
    M2,
    M3,
    OLD,
    OLD_HOUR,
    P0,
    P1,
    Publishing,
    cells,
    running_publisher,
    update,
)
from tweets.periods import Cells, Period
from worker.errors import TransientError
from worker.time_limits import TimeLimit
from worker.windows.cells_json import dump
from worker.windows.state import WindowUpdate


@pytest.fixture
def publishing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publishing]:
    with running_publisher(monkeypatch) as publishing:
        yield publishing


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
    lost: list[object] = []

    def lose_the_push() -> None:
        if not lost:
            lost.append(publishing.store.periods.pop(M2))

    publishing.store.before_marking = lose_the_push
    publishing.publisher.publish({P0: update(2, m2=1)})
    publishing.store.wait(lambda: publishing.joys(M2) is not None and bool(lost))
    assert publishing.store.markers[P0] == "5:2"


@pytest.mark.parametrize("marker", ["4:9", "4:11"], ids=["before the commit", "of a commit that an operator undid"])
def test_after_a_restart_closed_periods_are_read_only_where_the_marker_is_not_that_of_the_committed_offset(
    publishing: Publishing, marker: str
) -> None:
    publishing.store.markers = {P0: "4:10", P1: marker}
    publishing.closed.periods = {P0: {OLD: cells(9)}, P1: {OLD: cells(4)}}
    publishing.publisher.assign({P0: update(10, m1=1), P1: update(10, m1=1)})
    publishing.wait_for_marker("5:10")
    publishing.wait_for_marker("5:10", P1)
    assert publishing.closed.reads == [frozenset({P1})]
    assert (publishing.joys(OLD), publishing.joys(OLD, P1)) == (None, dump(cells(4)))


def test_a_hand_over_under_load_reads_no_closed_periods_where_the_restore_had_all_since_the_marker(
    publishing: Publishing,
) -> None:
    publishing.store.markers = {P0: "4:90", P1: "4:69"}
    publishing.closed.periods = {P0: {OLD: cells(9)}, P1: {OLD: cells(4)}}
    restored = WindowUpdate(5, 100, {M1: cells(3), M2: cells(1)}, complete_since=70)
    publishing.publisher.assign({P0: restored, P1: restored})
    publishing.wait_for_marker("5:100")
    publishing.wait_for_marker("5:100", P1)
    assert publishing.closed.reads == [frozenset({P1})]
    assert (publishing.joys(M1), publishing.joys(M2)) == (dump(cells(3)), dump(cells(1)))


def test_closed_periods_that_a_failover_lost_before_their_marker_was_written_are_pushed_again(
    publishing: Publishing,
) -> None:
    publishing.closed.periods = {P0: {OLD: cells(9)}}
    failed: list[object] = []

    def fail_over() -> None:
        if not failed and OLD in publishing.store.periods:
            failed.append(publishing.store.periods.pop(OLD))
            raise failure()

    publishing.store.before_marking = fail_over
    publishing.publisher.assign({P0: update(1, m1=1)})
    publishing.wait_for_marker("5:1")
    assert failed
    assert publishing.joys(OLD) == dump(cells(9))


def test_a_key_that_is_no_hash_stops_only_the_partitions_of_its_period(
    publishing: Publishing, caplog: pytest.LogCaptureFixture
) -> None:
    publishing.closed.periods = {P1: {OLD: cells(9), OLD_HOUR: cells(9)}}
    publishing.store.wrong_keys = {M1}
    publishing.publisher.assign({P0: update(1, m1=1, m2=1, m3=1), P1: update(1, m2=2)})
    publishing.wait_for_marker("5:1", P1)
    publishing.store.wait(lambda: publishing.joys(M3) is not None)
    assert (publishing.joys(M2), publishing.joys(OLD, P1)) == (dump(cells(1)), dump(cells(9)))
    assert publishing.store.markers[P0] == "5:-1"
    publishing.store.wrong_keys = set()
    publishing.wait_for_marker("5:1")
    assert publishing.joys(M1) == dump(cells(1))
    publishing.publisher.close(DEADLINE_S)
    assert caplog.text.count("WRONGTYPE") == 1


def test_a_closed_period_whose_key_is_no_hash_is_pushed_again_without_reading_kafka_again(
    publishing: Publishing,
) -> None:
    publishing.closed.periods = {P0: {OLD: cells(9), OLD_HOUR: cells(8)}}
    publishing.store.wrong_keys = {OLD}
    publishing.store.markers = {P1: "4:1"}
    publishing.publisher.assign({P0: update(1, m1=1), P1: update(1, m1=1)})
    publishing.store.wait(lambda: publishing.joys(OLD_HOUR) is not None)
    publishing.publisher.publish({P1: update(2, m1=2)})
    publishing.wait_for_marker("5:2", P1)
    assert publishing.store.markers[P0] == "5:-1"
    publishing.store.wrong_keys = set()
    publishing.wait_for_marker("5:1")
    assert publishing.joys(OLD) == dump(cells(9))
    assert len(publishing.closed.reads) == 1


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


def test_the_time_since_when_a_tweet_topic_is_counted_survives_a_wipe(publishing: Publishing) -> None:
    publishing.store.since = {"brand-x": 1000}
    publishing.publisher.count_subjects(["brand-x", "brand-y"])
    publishing.store.wait(lambda: "brand-y" in publishing.store.since)
    publishing.publisher.assign({P0: update(1, m1=1)})
    publishing.wait_for_marker("5:1")
    publishing.store.wipe()
    publishing.store.wait(lambda: publishing.store.since.get("brand-x") == 1000)


def test_a_new_worker_lists_the_tweet_topics_of_a_wiped_redis_also_those_that_are_not_in_the_file(
    publishing: Publishing,
) -> None:
    day = Period("day", 10)
    hour, minute = Period("hour", 10 * 24 + 3), Period("minute", (10 * 24 + 3) * 60 + 20)
    removed: Cells = {("", "joy"): 3, ("removed", "joy"): 1}
    publishing.closed.periods = {P0: dict.fromkeys((day, hour, minute, Period("day", 11)), removed)}
    publishing.publisher.count_subjects(["brand-y"])
    publishing.publisher.assign({P0: update(1, m1=1)})
    publishing.wait_for_marker("5:1")
    assert publishing.store.since == {
        "removed": minute.start_ms // 1000,
        "brand-x": M1.start_ms // 1000,
        "brand-y": publishing.store.since["brand-y"],
    }
    assert time.time() - publishing.store.since["brand-y"] < 60


def test_a_tweet_topic_without_counts_that_is_not_in_the_file_leaves_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.time_limits.SUBJECTS_LOOK", TimeLimit(0.002, "short"))
    with running_publisher(monkeypatch) as publishing:
        publishing.publisher.assign({P0: update(1, m1=1)})
        publishing.wait_for_marker("5:1")
        publishing.publisher.count_subjects(["in-the-file", "new"])
        now_s = int(time.time())
        publishing.store.since |= {"misspelt": 1000, "in-the-file": 1000, "of-a-newer-file": now_s}
        publishing.store.wait(lambda: "misspelt" not in publishing.store.since and "new" in publishing.store.since)
        assert publishing.store.since.keys() == {"brand-x", "in-the-file", "of-a-newer-file", "new"}
        publishing.store.wipe()
        publishing.store.wait(lambda: "brand-x" in publishing.store.since)
        assert "misspelt" not in publishing.store.since
