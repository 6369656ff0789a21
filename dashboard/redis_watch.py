"""The thread that watches Redis: it reads the total of each emotion and retries after every failure."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from dashboard.board import Board, ServiceState
from worker.process.stop import StopRequest
from worker.redis.store import CountsStore, CountsStoreError

log = logging.getLogger(__name__)

READ_EVERY_S: Final = 0.5
"""Seconds between two reads: half of the interval at which pages are sent the counts."""


class RedisWatch:
    """Writes the board's `redis` and `counts`."""

    def __init__(self, store: CountsStore, board: Board, labels: Sequence[str], stop: StopRequest) -> None:
        self._store = store
        self._board = board
        self._labels = labels
        self._stop = stop
        self._logged: set[str] = set()

    def run(self) -> None:
        """Read the counts until the flag is set."""
        while not self._stop.is_set():
            try:
                self._read()
            except CountsStoreError as error:
                self._show_failure(error)
            self._stop.wait(READ_EVERY_S)
        self._store.close()

    def _read(self) -> None:
        totals, _ = self._store.snapshot()
        if not self._board.redis.answers:
            log.info("Redis answers")
        self._logged.clear()
        self._board.counts = dict.fromkeys(self._labels, 0) | totals
        self._board.redis = replace(self._board.redis, state=ServiceState.ANSWERS)

    def _show_failure(self, error: CountsStoreError) -> None:
        """Mark Redis as silent, or as refusing, log each reason once, and keep the last known counts."""
        if str(error) not in self._logged:
            log.warning("cannot read the counts from Redis (%s); retrying every %g s", error, READ_EVERY_S)
            self._logged.add(str(error))
        state = ServiceState.REFUSES if error.refused else ServiceState.SILENT
        self._board.redis = replace(self._board.redis, state=state)
