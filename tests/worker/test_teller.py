"""The thread that tells Redis the counts: it blocks nobody, forgets nothing that matters, and says what is odd."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import cast

import pytest

from worker.counts import Claim, RunningCounts
from worker.messages import Partition
from worker.metrics import Metrics
from worker.redis_counts import RedisCounts, RedisFault
from worker.teller import CountTeller

P0, P1 = Partition("tweets", 0), Partition("tweets", 1)
DEADLINE_S = 10.0


def _claim(offset: int, generation: int = 5) -> Claim:
    return Claim(generation, offset, RunningCounts({"joy": offset}))


class FakeStore:
    """Remembers what it is told; can hang, fail, refuse and break."""

    def __init__(self) -> None:
        self.told: list[dict[Partition, Claim]] = []
        self.outcome = "applied"
        self.error: BaseException | None = None
        self.attempts = 0
        self.closed = False
        self.free = threading.Event()
        self.free.set()
        self.hanging = threading.Event()
        self._news = threading.Condition()

    def tell(self, claims: Mapping[Partition, Claim]) -> dict[Partition, str]:
        self.hanging.set()
        assert self.free.wait(DEADLINE_S)
        with self._news:
            self.attempts += 1
            if self.error is None:
                self.told.append(dict(claims))
            self._news.notify_all()
            if self.error is not None:
                raise self.error
        return dict.fromkeys(claims, self.outcome)

    def close(self) -> None:
        self.closed = True

    def wait(self, condition: Callable[[], bool]) -> None:
        """Until the condition, which is looked at after each attempt, holds."""
        with self._news:
            assert self._news.wait_for(condition, DEADLINE_S)

    def wait_for_messages(self, count: int) -> None:
        """Until it was told so many times."""
        self.wait(lambda: len(self.told) == count)


class Telling:
    def __init__(self) -> None:
        self.store = FakeStore()
        self.metrics = Metrics()
        self.deaths: list[BaseException] = []
        self.died = threading.Event()
        self.teller = CountTeller(cast(RedisCounts, self.store), self.metrics, self._on_death)

    def _on_death(self, error: BaseException) -> None:
        self.deaths.append(error)
        self.died.set()

    def published(self, outcome: str) -> float:
        return self.metrics.registry.get_sample_value("emotion_counts_published_total", {"outcome": outcome}) or 0.0


@pytest.fixture
def telling(monkeypatch: pytest.MonkeyPatch) -> Iterator[Telling]:
    monkeypatch.setattr("worker.teller.RETRY_S", 0.001)
    telling = Telling()
    telling.teller.start()
    yield telling
    telling.store.free.set()
    telling.teller.close(DEADLINE_S)


def test_what_is_owned_and_what_is_committed_is_told(telling: Telling) -> None:
    telling.teller.own({P0: _claim(1), P1: _claim(2)})
    telling.store.wait(lambda: telling.store.told == [{P0: _claim(1), P1: _claim(2)}])
    telling.teller.tell({P1: _claim(3)})
    telling.store.wait(lambda: telling.store.told[1:] == [{P1: _claim(3)}])
    telling.teller.close(DEADLINE_S)
    assert telling.published("applied") >= 3


def _hang(telling: Telling) -> None:
    telling.store.free.clear()
    telling.store.hanging.clear()
    telling.teller.tell({P0: _claim(1)})
    assert telling.store.hanging.wait(DEADLINE_S)


def test_while_the_store_hangs_nobody_is_blocked_and_the_newest_value_wins(telling: Telling) -> None:
    _hang(telling)
    started_s = time.monotonic()
    for offset in range(2, 2_000):
        telling.teller.tell({P0: _claim(offset)})
    telling.teller.own({P0: _claim(2_000), P1: _claim(7)})
    assert time.monotonic() - started_s < 2.0
    telling.store.free.set()
    telling.store.wait_for_messages(2)
    assert telling.store.told == [{P0: _claim(1)}, {P0: _claim(2_000), P1: _claim(7)}]


def test_revoked_partitions_are_forgotten(telling: Telling) -> None:
    _hang(telling)
    telling.teller.own({P0: _claim(1), P1: _claim(2)})
    telling.teller.own({P1: _claim(3)})
    telling.store.free.set()
    telling.store.wait(lambda: telling.store.told[1:] == [{P1: _claim(3)}])


def test_all_is_told_again_after_a_while_so_that_a_wiped_redis_heals(
    telling: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.teller.TELL_AGAIN_S", 0.001)
    telling.teller.own({P0: _claim(1), P1: _claim(2)})
    telling.store.wait(lambda: telling.store.told[:3] == [{P0: _claim(1), P1: _claim(2)}] * 3)


def test_a_store_that_fails_catches_up_with_the_newest_values(
    telling: Telling, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    telling.store.error = RedisFault("ConnectionError")
    telling.teller.own({P0: _claim(1), P1: _claim(1)})
    telling.store.wait(lambda: telling.store.attempts >= 3)
    telling.teller.tell({P0: _claim(9)})
    telling.store.error = None
    telling.store.wait(lambda: {P0: _claim(9), P1: _claim(1)} in telling.store.told)
    telling.teller.close(DEADLINE_S)
    assert telling.published("failed") >= 6
    assert caplog.text.count("Redis does not take the counts") == 1
    assert caplog.text.count("Redis answers again") == 1
    assert telling.deaths == []


def test_after_a_failure_everything_that_is_owned_is_told_and_not_only_what_failed(telling: Telling) -> None:
    telling.teller.own({P0: _claim(1), P1: _claim(1)})
    telling.store.wait_for_messages(1)
    telling.store.error = RedisFault("ConnectionError")
    telling.teller.tell({P0: _claim(2)})
    telling.store.wait(lambda: telling.store.attempts >= 3)
    telling.store.error = None
    telling.store.wait(lambda: any(P1 in claims for claims in telling.store.told[1:]))


def test_three_refusals_in_a_row_are_reported_once(telling: Telling, caplog: pytest.LogCaptureFixture) -> None:
    telling.store.outcome = "stale"
    for offset in (1, 2):
        telling.teller.tell({P0: _claim(offset)})
        telling.store.wait_for_messages(offset)
    telling.teller.tell({P1: _claim(1)})
    telling.store.wait_for_messages(3)
    telling.teller.tell({P1: _claim(2)})
    telling.store.wait_for_messages(4)
    assert "keeps refusing" not in caplog.text
    for offset in (3, 4, 5):
        telling.teller.tell({P0: _claim(offset)})
        telling.store.wait_for_messages(2 + offset)
    telling.teller.close(DEADLINE_S)
    assert caplog.text.count("keeps refusing the counts of tweets[0] in generation 5") == 1
    assert "verify --repair" in caplog.text
    assert telling.published("stale") >= 7


def test_a_value_that_is_known_already_is_neither_counted_nor_odd(
    telling: Telling, caplog: pytest.LogCaptureFixture
) -> None:
    telling.store.outcome = "known"
    for offset in range(1, 6):
        telling.teller.tell({P0: _claim(offset)})
        telling.store.wait_for_messages(offset)
    telling.teller.close(DEADLINE_S)
    assert [telling.published(outcome) for outcome in ("applied", "stale", "failed")] == [0, 0, 0]
    assert caplog.text == ""


def test_closing_tells_what_is_untold(telling: Telling) -> None:
    _hang(telling)
    telling.teller.tell({P0: _claim(2)})
    telling.store.free.set()
    telling.teller.close(DEADLINE_S)
    assert telling.store.told[-1][P0] == _claim(2)
    assert telling.store.closed


def test_closing_does_not_wait_for_a_store_that_hangs(telling: Telling) -> None:
    _hang(telling)
    started_s = time.monotonic()
    telling.teller.close(0.01)
    assert time.monotonic() - started_s < 5.0


def test_closing_does_not_wait_for_a_store_that_fails(telling: Telling) -> None:
    telling.store.error = RedisFault("ConnectionError")
    telling.teller.tell({P0: _claim(1)})
    telling.store.wait(lambda: telling.store.attempts >= 2)
    telling.teller.close(DEADLINE_S)
    attempts = telling.store.attempts
    assert telling.store.closed
    telling.teller.tell({P0: _claim(2)})
    assert telling.store.attempts == attempts


def test_a_thread_that_dies_says_so(telling: Telling) -> None:
    telling.store.error = ZeroDivisionError("not foreseen")
    telling.teller.tell({P0: _claim(1)})
    assert telling.died.wait(DEADLINE_S)
    assert telling.deaths == [telling.store.error]


def test_a_store_that_hangs_at_the_end_is_left_alone_and_is_no_death(telling: Telling) -> None:
    telling.store.free.clear()
    telling.teller.own({P0: _claim(1)})
    assert telling.store.hanging.wait(DEADLINE_S)
    telling.teller.close(0.01)
    assert not telling.store.closed
    telling.store.free.set()
    telling.store.wait(lambda: len(telling.store.told) >= 1)
    assert telling.deaths == []
