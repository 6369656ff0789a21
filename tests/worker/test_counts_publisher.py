"""The thread that tells Redis the counts: it blocks nobody, forgets nothing that matters, and says what is odd."""

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


def _committed(offset: int, generation: int = 5) -> CommittedCounts:
    return CommittedCounts(generation, offset, RunningCounts({"joy": offset}))


class FakeStore:
    """Remembers what it is told; can hang, fail, refuse and break."""

    def __init__(self) -> None:
        self.told: list[dict[Partition, CommittedCounts]] = []
        self.outcome = "applied"
        self.error: BaseException | None = None
        self.attempts = 0
        self.closed = False
        self.free = threading.Event()
        self.free.set()
        self.hanging = threading.Event()
        self._news = threading.Condition()

    def publish(self, committed_counts: Mapping[Partition, CommittedCounts]) -> dict[Partition, str]:
        self.hanging.set()
        assert self.free.wait(DEADLINE_S)
        with self._news:
            self.attempts += 1
            if self.error is None:
                self.told.append(dict(committed_counts))
            self._news.notify_all()
            if self.error is not None:
                raise self.error
        return dict.fromkeys(committed_counts, self.outcome)

    def close(self) -> None:
        self.closed = True

    def wait(self, condition: Callable[[], bool]) -> None:
        """Until the condition, which is looked at after each attempt, holds."""
        with self._news:
            assert self._news.wait_for(condition, DEADLINE_S)

    def wait_for_messages(self, count: int) -> None:
        """Until it was told so many times."""
        self.wait(lambda: len(self.told) == count)


class Publishing:
    def __init__(self) -> None:
        self.store = FakeStore()
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


def test_what_is_owned_and_what_is_committed_is_told(publishing: Publishing) -> None:
    publishing.publisher.assign({P0: _committed(1), P1: _committed(2)})
    publishing.store.wait(lambda: publishing.store.told == [{P0: _committed(1), P1: _committed(2)}])
    publishing.publisher.publish({P1: _committed(3)})
    publishing.store.wait(lambda: publishing.store.told[1:] == [{P1: _committed(3)}])
    publishing.publisher.close(DEADLINE_S)
    assert publishing.published("applied") >= 3


def _hang(publishing: Publishing) -> None:
    publishing.store.free.clear()
    publishing.store.hanging.clear()
    publishing.publisher.publish({P0: _committed(1)})
    assert publishing.store.hanging.wait(DEADLINE_S)


def test_while_the_store_hangs_nobody_is_blocked_and_the_newest_value_wins(publishing: Publishing) -> None:
    _hang(publishing)
    started_s = time.monotonic()
    for offset in range(2, 2_000):
        publishing.publisher.publish({P0: _committed(offset)})
    publishing.publisher.assign({P0: _committed(2_000), P1: _committed(7)})
    assert time.monotonic() - started_s < 2.0
    publishing.store.free.set()
    publishing.store.wait_for_messages(2)
    assert publishing.store.told == [{P0: _committed(1)}, {P0: _committed(2_000), P1: _committed(7)}]


def test_revoked_partitions_are_forgotten(publishing: Publishing) -> None:
    _hang(publishing)
    publishing.publisher.assign({P0: _committed(1), P1: _committed(2)})
    publishing.publisher.assign({P1: _committed(3)})
    publishing.store.free.set()
    publishing.store.wait(lambda: publishing.store.told[1:] == [{P1: _committed(3)}])


def test_all_is_told_again_after_a_while_so_that_a_wiped_redis_heals(
    publishing: Publishing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.time_limits.REPUBLISH", TimeLimit(0.001, "at once"))
    publishing.publisher.assign({P0: _committed(1), P1: _committed(2)})
    publishing.store.wait(lambda: publishing.store.told[:3] == [{P0: _committed(1), P1: _committed(2)}] * 3)


def test_a_store_that_fails_catches_up_with_the_newest_values(
    publishing: Publishing, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    publishing.store.error = CountsStoreError("ConnectionError")
    publishing.publisher.assign({P0: _committed(1), P1: _committed(1)})
    publishing.store.wait(lambda: publishing.store.attempts >= 3)
    publishing.publisher.publish({P0: _committed(9)})
    publishing.store.error = None
    publishing.store.wait(lambda: {P0: _committed(9), P1: _committed(1)} in publishing.store.told)
    publishing.publisher.close(DEADLINE_S)
    assert publishing.published("failed") >= 6
    assert caplog.text.count("Redis does not accept the counts") == 1
    assert caplog.text.count("Redis answers again") == 1
    assert publishing.deaths == []


def test_after_a_failure_everything_that_is_owned_is_told_and_not_only_what_failed(publishing: Publishing) -> None:
    publishing.publisher.assign({P0: _committed(1), P1: _committed(1)})
    publishing.store.wait_for_messages(1)
    publishing.store.error = CountsStoreError("ConnectionError")
    publishing.publisher.publish({P0: _committed(2)})
    publishing.store.wait(lambda: publishing.store.attempts >= 3)
    publishing.store.error = None
    publishing.store.wait(lambda: any(P1 in committed_counts for committed_counts in publishing.store.told[1:]))


def test_three_refusals_in_a_row_are_reported_once(publishing: Publishing, caplog: pytest.LogCaptureFixture) -> None:
    publishing.store.outcome = "stale"
    for offset in (1, 2):
        publishing.publisher.publish({P0: _committed(offset)})
        publishing.store.wait_for_messages(offset)
    publishing.publisher.publish({P1: _committed(1)})
    publishing.store.wait_for_messages(3)
    publishing.publisher.publish({P1: _committed(2)})
    publishing.store.wait_for_messages(4)
    assert "keeps refusing" not in caplog.text
    for offset in (3, 4, 5):
        publishing.publisher.publish({P0: _committed(offset)})
        publishing.store.wait_for_messages(2 + offset)
    publishing.publisher.close(DEADLINE_S)
    assert caplog.text.count("keeps refusing the counts of tweets[0] in generation 5") == 1
    assert "verify --repair" in caplog.text
    assert publishing.published("stale") >= 7


def test_a_value_that_is_known_already_is_neither_counted_nor_odd(
    publishing: Publishing, caplog: pytest.LogCaptureFixture
) -> None:
    publishing.store.outcome = "known"
    for offset in range(1, 6):
        publishing.publisher.publish({P0: _committed(offset)})
        publishing.store.wait_for_messages(offset)
    publishing.publisher.close(DEADLINE_S)
    assert [publishing.published(outcome) for outcome in ("applied", "stale", "failed")] == [0, 0, 0]
    assert caplog.text == ""


def test_closing_tells_what_is_untold(publishing: Publishing) -> None:
    _hang(publishing)
    publishing.publisher.publish({P0: _committed(2)})
    publishing.store.free.set()
    publishing.publisher.close(DEADLINE_S)
    assert publishing.store.told[-1][P0] == _committed(2)
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


def test_a_thread_that_dies_says_so(publishing: Publishing) -> None:
    publishing.store.error = ZeroDivisionError("not foreseen")
    publishing.publisher.publish({P0: _committed(1)})
    assert publishing.died.wait(DEADLINE_S)
    assert publishing.deaths == [publishing.store.error]


def test_a_store_that_hangs_at_the_end_is_left_alone_and_is_no_death(publishing: Publishing) -> None:
    publishing.store.free.clear()
    publishing.publisher.assign({P0: _committed(1)})
    assert publishing.store.hanging.wait(DEADLINE_S)
    publishing.publisher.close(0.01)
    assert not publishing.store.closed
    publishing.store.free.set()
    publishing.store.wait(lambda: len(publishing.store.told) >= 1)
    assert publishing.deaths == []
