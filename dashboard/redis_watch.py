"""The thread that watches Redis: the totals of each emotion. It outlives every outage."""

import logging
from collections.abc import Sequence
from typing import Final

from dashboard.board import Board, Service
from worker.errors import TransientError
from worker.process.stop import StopRequest
from worker.redis.store import CountsStore

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 0.5


class RedisWatch:
    """Writes the board's `redis` and `counts`."""

    def __init__(self, store: CountsStore, board: Board, labels: Sequence[str], stop: StopRequest) -> None:
        self._store = store
        self._board = board
        self._labels = labels
        self._stop = stop

    def run(self) -> None:
        """Watches until the flag is set."""
        while not self._stop.is_set():
            try:
                self._look()
            except TransientError as fault:
                self._lost(fault)
            self._stop.wait(LOOK_EVERY_S)
        self._store.close()

    def _look(self) -> None:
        totals, _ = self._store.snapshot()
        if not self._board.redis.answers:
            log.info("Redis answers")
        self._board.counts = dict.fromkeys(self._labels, 0) | totals
        self._board.redis = Service(True)

    def _lost(self, fault: TransientError) -> None:
        """The last known counts stay; the page says that Redis is away."""
        if self._board.redis.answers or not self._board.redis.note.startswith("does"):
            log.warning("Redis does not answer as it should (%s); the page says so and tries again", fault)
        self._board.redis = Service(False, "does not answer")
