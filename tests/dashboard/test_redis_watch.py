"""The counts on the board follow Redis, and the board shows whether Redis answers."""

import threading
from typing import Any

from dashboard.board import Board
from dashboard.redis_watch import RedisWatch
from worker.redis.store import CountsStore, CountsStoreError

LABELS = ("joy", "fear")


class Store(CountsStore):
    """A Redis that fails while `totals` is None; `look` reads from it once."""

    def __init__(self) -> None:
        super().__init__("redis://localhost:1/0", prefix="p", group="g")
        self.totals: dict[str, int] | None = {}
        self.stop = threading.Event()

    def snapshot(self) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
        self.stop.set()
        if self.totals is None:
            raise CountsStoreError("ConnectionError")
        return self.totals, {}


def look(store: Store, board: Board) -> dict[str, Any]:
    """Return the state of the board after one read."""
    store.stop.clear()
    RedisWatch(store, board, LABELS, store.stop).run()
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
