"""The thread that publishes periods: the loop never waits, and the newest counts win."""

import logging
import time
from collections.abc import Iterator

import pytest

from tests.worker.windows_in_memory import DEADLINE_S, failure
from tests.worker.windows_publishing import (
    M1,
    M2,
    P0,
    P1,
    Publishing,
    cells,
    running_publisher,
    update,
)
from worker.time_limits import TimeLimit
from worker.windows.cells_json import dump
from worker.windows.state import WindowUpdate


@pytest.fixture
def publishing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publishing]:
    with running_publisher(monkeypatch) as publishing:
        yield publishing


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


def test_revoked_partitions_are_not_published(publishing: Publishing) -> None:
    publishing.store.error = failure()
    publishing.publisher.assign({P0: update(1, m1=1), P1: update(1, m1=1)})
    publishing.publisher.assign({P1: update(1, m1=1)})
    publishing.store.error = None
    publishing.wait_for_marker("5:1", P1)
    assert publishing.joys(M1) is None


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
