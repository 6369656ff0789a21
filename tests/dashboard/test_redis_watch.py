"""The counts on the board follow Redis, and Redis' absence is told and forgotten."""

import threading
from typing import Any

from dashboard.board import Board
from dashboard.redis_watch import RedisWatch
from worker.redis.store import CountsStore, CountsStoreError

LABELS = ("joy", "fear")


class Store(CountsStore):
    """A Redis that a test may take away; it is asked once in each `look`."""

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
    """What the board says after the watch has asked."""
    store.stop.clear()
    RedisWatch(store, board, LABELS, store.stop).run()
    return board.state()


def test_an_empty_redis_counts_zero_for_every_label() -> None:
    assert look(Store(), Board())["counts"] == {"joy": 0, "fear": 0}


def test_redis_going_and_coming_back_is_seen_and_the_last_counts_stay() -> None:
    board, store = Board(), Store()
    store.totals = None
    state = look(store, board)
    assert (state["redis"], state["counts"]) == ({"answers": False, "note": "does not answer"}, None)
    store.totals = {"joy": 7, "old label": 2}
    assert look(store, board)["redis"] == {"answers": True, "note": ""}
    store.totals = None
    state = look(store, board)
    assert state["redis"]["answers"] is False
    assert state["counts"] == {"joy": 7, "fear": 0, "old label": 2}
