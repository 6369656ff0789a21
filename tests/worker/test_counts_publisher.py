"""The thread that publishes counts to Redis: the loop never waits for it, and it retries until Redis has the counts."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import cast

import pytest

from tweets.records import Partition
from worker.counts import CommittedCounts, RunningCounts
from worker.process.metrics import Metrics
from worker.redis.publisher import CountsPublisher
from worker.redis.store import CountsStore, CountsStoreError
from worker.time_limits import TimeLimit

P0, P1 = Partition("tweets", 0), Partition("tweets", 1)
DEADLINE_S = 10.0
"""Seconds that a test waits for the thread, which needs milliseconds."""


def _committed(offset: int, generation: int = 5) -> CommittedCounts:
    return CommittedCounts(generation, offset, RunningCounts({"joy": offset}))


class HoldableStore:
    """Records the published counts; can hang, fail, refuse and break."""

    def __init__(self) -> None:
        self.published: list[dict[Partition, CommittedCounts]] = []
        self.outcome = "applied"
        self.error: BaseException | None = None
        self.attempts = 0
        self.closed = False
        self.free = threading.Event()
        self.free.set()
        self.hanging = threading.Event()
        self._attempted = threading.Condition()

    def publish(self, committed_counts: Mapping[Partition, CommittedCounts]) -> dict[Partition, str]:
        self.hanging.set()
        assert self.free.wait(DEADLINE_S)
        with self._attempted:
            self.attempts += 1
            if self.error is None:
                self.published.append(dict(committed_counts))
            self._attempted.notify_all()
            if self.error is not None:
                raise self.error
        return dict.fromkeys(committed_counts, self.outcome)

    def close(self) -> None:
        self.closed = True

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition, which is checked after each attempt, is true."""
        with self._attempted:
            assert self._attempted.wait_for(condition, DEADLINE_S)

    def wait_for_publications(self, count: int) -> None:
        """Wait until `count` publications have succeeded."""
        self.wait(lambda: len(self.published) == count)


class Publishing:
    def __init__(self) -> None:
        self.store = HoldableStore()
        self.metrics = Metrics()
        self.deaths: list[BaseException] = []
        self.died = threading.Event()
        self.publisher = CountsPublisher(cast(CountsStore, self.store), self.metrics, self._on_death)

    def _on_death(self, error: BaseException) -> None:
        self.deaths.append(error)
        self.died.set()

    def published(self, outcome: str) -> float:
        return self.metrics.registry.get_sample_value("emotion_counts_published_total", {"outcome": outcome}) or 0.0


@pytest.fixture
def publishing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publishing]:
    monkeypatch.setattr("worker.time_limits.REDIS_RETRY_PAUSE", TimeLimit(0.001, "no pause"))
    publishing = Publishing()
    publishing.publisher.start()
    yield publishing
    publishing.store.free.set()
    publishing.publisher.close(DEADLINE_S)


def test_assigned_and_committed_counts_are_published(publishing: Publishing) -> None:
    publishing.publisher.assign({P0: _committed(1), P1: _committed(2)})
    publishing.store.wait(lambda: publishing.store.published == [{P0: _committed(1), P1: _committed(2)}])
    publishing.publisher.publish({P1: _committed(3)})
    publishing.store.wait(lambda: publishing.store.published[1:] == [{P1: _committed(3)}])
    publishing.publisher.close(DEADLINE_S)
    assert publishing.published("applied") >= 3


def _hang(publishing: Publishing) -> None:
    publishing.store.free.clear()
    publishing.store.hanging.clear()
    publishing.publisher.publish({P0: _committed(1)})
    assert publishing.store.hanging.wait(DEADLINE_S)


def test_while_the_store_hangs_the_loop_does_not_wait_and_the_newest_counts_win(publishing: Publishing) -> None:
    _hang(publishing)
    started_s = time.monotonic()
    for offset in range(2, 2_000):
        publishing.publisher.publish({P0: _committed(offset)})
    publishing.publisher.assign({P0: _committed(2_000), P1: _committed(7)})
    assert time.monotonic() - started_s < 2.0
    publishing.store.free.set()
    publishing.store.wait_for_publications(2)
    assert publishing.store.published == [{P0: _committed(1)}, {P0: _committed(2_000), P1: _committed(7)}]


def test_counts_of_revoked_partitions_are_not_published(publishing: Publishing) -> None:
    _hang(publishing)
    publishing.publisher.assign({P0: _committed(1), P1: _committed(2)})
    publishing.publisher.assign({P1: _committed(3)})
    publishing.store.free.set()
    publishing.store.wait(lambda: publishing.store.published[1:] == [{P1: _committed(3)}])


def test_all_counts_are_published_again_after_a_while_for_a_redis_that_was_wiped(
    publishing: Publishing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.time_limits.REPUBLISH", TimeLimit(0.001, "at once"))
    publishing.publisher.assign({P0: _committed(1), P1: _committed(2)})
    publishing.store.wait(lambda: publishing.store.published[:3] == [{P0: _committed(1), P1: _committed(2)}] * 3)


def test_a_store_that_fails_has_the_newest_counts_in_the_end(
    publishing: Publishing, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    publishing.store.error = CountsStoreError("ConnectionError")
    publishing.publisher.assign({P0: _committed(1), P1: _committed(1)})
    publishing.store.wait(lambda: publishing.store.attempts >= 3)
    publishing.publisher.publish({P0: _committed(9)})
    publishing.store.error = None
    publishing.store.wait(lambda: {P0: _committed(9), P1: _committed(1)} in publishing.store.published)
    publishing.publisher.close(DEADLINE_S)
    assert publishing.published("failed") >= 6
    assert caplog.text.count("Redis does not accept the counts") == 1
    assert caplog.text.count("Redis answers again") == 1
    assert publishing.deaths == []


def test_after_a_failure_all_owned_counts_are_published_and_not_only_those_that_failed(publishing: Publishing) -> None:
    publishing.publisher.assign({P0: _committed(1), P1: _committed(1)})
    publishing.store.wait_for_publications(1)
    publishing.store.error = CountsStoreError("ConnectionError")
    publishing.publisher.publish({P0: _committed(2)})
    publishing.store.wait(lambda: publishing.store.attempts >= 3)
    publishing.store.error = None
    publishing.store.wait(lambda: any(P1 in committed_counts for committed_counts in publishing.store.published[1:]))


def test_three_refusals_in_a_row_are_reported_once(publishing: Publishing, caplog: pytest.LogCaptureFixture) -> None:
    publishing.store.outcome = "stale"
    for offset in (1, 2):
        publishing.publisher.publish({P0: _committed(offset)})
        publishing.store.wait_for_publications(offset)
    publishing.publisher.publish({P1: _committed(1)})
    publishing.store.wait_for_publications(3)
    publishing.publisher.publish({P1: _committed(2)})
    publishing.store.wait_for_publications(4)
    assert "keeps refusing" not in caplog.text
    for offset in (3, 4, 5):
        publishing.publisher.publish({P0: _committed(offset)})
        publishing.store.wait_for_publications(2 + offset)
    publishing.publisher.close(DEADLINE_S)
    assert caplog.text.count("keeps refusing the counts of tweets[0] in generation 5") == 1
    assert "verify --repair" in caplog.text
    assert publishing.published("stale") >= 7


def test_counts_that_redis_has_already_are_neither_counted_nor_logged(
    publishing: Publishing, caplog: pytest.LogCaptureFixture
) -> None:
    publishing.store.outcome = "known"
    for offset in range(1, 6):
        publishing.publisher.publish({P0: _committed(offset)})
        publishing.store.wait_for_publications(offset)
    publishing.publisher.close(DEADLINE_S)
    assert [publishing.published(outcome) for outcome in ("applied", "stale", "failed")] == [0, 0, 0]
    assert caplog.text == ""


def test_closing_publishes_what_is_unpublished(publishing: Publishing) -> None:
    _hang(publishing)
    publishing.publisher.publish({P0: _committed(2)})
    publishing.store.free.set()
    publishing.publisher.close(DEADLINE_S)
    assert publishing.store.published[-1][P0] == _committed(2)
    assert publishing.store.closed


def test_closing_does_not_wait_for_a_store_that_hangs(publishing: Publishing) -> None:
    _hang(publishing)
    started_s = time.monotonic()
    publishing.publisher.close(0.01)
    assert time.monotonic() - started_s < 5.0


def test_closing_does_not_wait_for_a_store_that_fails(publishing: Publishing) -> None:
    publishing.store.error = CountsStoreError("ConnectionError")
    publishing.publisher.publish({P0: _committed(1)})
    publishing.store.wait(lambda: publishing.store.attempts >= 2)
    publishing.publisher.close(DEADLINE_S)
    attempts = publishing.store.attempts
    assert publishing.store.closed
    publishing.publisher.publish({P0: _committed(2)})
    assert publishing.store.attempts == attempts


def test_an_error_that_ends_the_thread_is_reported(publishing: Publishing) -> None:
    publishing.store.error = ZeroDivisionError("a bug")
    publishing.publisher.publish({P0: _committed(1)})
    assert publishing.died.wait(DEADLINE_S)
    assert publishing.deaths == [publishing.store.error]


def test_a_store_that_hangs_at_the_end_is_not_closed_and_is_no_error(publishing: Publishing) -> None:
    publishing.store.free.clear()
    publishing.publisher.assign({P0: _committed(1)})
    assert publishing.store.hanging.wait(DEADLINE_S)
    publishing.publisher.close(0.01)
    assert not publishing.store.closed
    publishing.store.free.set()
    publishing.store.wait(lambda: len(publishing.store.published) >= 1)
    assert publishing.deaths == []
