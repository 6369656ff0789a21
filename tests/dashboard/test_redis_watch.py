"""The counts on the board follow Redis, and the board shows whether Redis answers."""

import logging
import threading
from typing import Any

import pytest

from dashboard.board import Board
from dashboard.redis_watch import RedisWatch
from dashboard.stream_statistics import BUCKET_S, BUCKETS
from tweets.periods import Unit
from worker.redis.series_store import SeriesStore
from worker.redis.store import CountsStore, CountsStoreError

LABELS = ("joy", "fear")
NOW_S = 600_030.0


class Periods(SeriesStore):
    """The minutes of a Redis that fails while `minutes` is None."""

    def __init__(self) -> None:
        super().__init__("redis://localhost:1/0", prefix="p")
        self.minutes: dict[int, dict[str, int]] | None = {}
        self.asked: tuple[str, str, int, int] | None = None

    def series(self, subject: str, unit: Unit, first: int, last: int) -> dict[int, dict[str, int]]:
        if self.minutes is None:
            raise CountsStoreError("WRONGTYPE")
        self.asked = (subject, unit, first, last)
        return self.minutes

    def subjects(self) -> dict[str, int]:
        return {"brand-x": 600_000}


class Store(CountsStore):
    """A Redis that fails while `totals` is None; `look` reads from it once."""

    def __init__(self) -> None:
        super().__init__("redis://localhost:1/0", prefix="p", group="g")
        self.totals: dict[str, int] | None = {}
        self.periods = Periods()
        self.stop = threading.Event()

    def snapshot(self) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
        self.stop.set()
        if self.totals is None:
            raise CountsStoreError("ConnectionError")
        return self.totals, {}


def look(store: Store, board: Board) -> dict[str, Any]:
    """Return the state of the board after one read."""
    store.stop.clear()
    RedisWatch(store, board, LABELS, store.stop, series=store.periods, clock=lambda: NOW_S).run()
    return board.state()


def test_an_empty_redis_counts_zero_for_every_label() -> None:
    assert look(Store(), Board())["counts"] == {"joy": 0, "fear": 0}


def test_a_failure_of_redis_and_its_end_are_shown_and_the_last_counts_stay() -> None:
    board, store = Board(), Store()
    store.totals = None
    state = look(store, board)
    assert (state["redis"], state["counts"]) == ({"state": "silent", "notice": "Redis does not answer."}, None)
    store.totals = {"joy": 7, "old label": 2}
    assert look(store, board)["redis"] == {"state": "answers", "notice": ""}
    store.totals = None
    state = look(store, board)
    assert state["redis"]["state"] == "silent"
    assert state["counts"] == {"joy": 7, "fear": 0, "old label": 2}


def test_the_minutes_that_the_chart_shows_are_read() -> None:
    board, store = Board(), Store()
    store.periods.minutes = {10_000: {"joy": 60}}
    look(store, board)
    assert store.periods.asked == ("", "minute", int(NOW_S - BUCKETS * BUCKET_S) // 60, 10_000)
    assert (board.minutes.at_s, board.minutes.counts) == (NOW_S, {10_000: {"joy": 60}})
    assert board.topics() == [{"name": "brand-x", "since": "1970-01-07T22:40:00Z"}]


def test_minutes_that_cannot_be_read_leave_the_counts_and_the_state_of_redis_as_they_are(
    caplog: pytest.LogCaptureFixture,
) -> None:
    board, store = Board(), Store()
    store.totals, store.periods.minutes = {"joy": 1}, None
    with caplog.at_level(logging.WARNING, "dashboard"):
        state = look(store, board)
    assert (state["redis"]["state"], state["counts"]) == ("answers", {"joy": 1, "fear": 0})
    assert "WRONGTYPE" in caplog.text
