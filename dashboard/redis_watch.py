"""The thread that watches Redis: it reads the total of each emotion and retries after every failure."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from dashboard.board import Board, ServiceState
from worker.errors import TransientError
from worker.process.stop import StopRequest
from worker.redis.store import CountsStore

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

    def run(self) -> None:
        """Read the counts until the flag is set."""
        while not self._stop.is_set():
            try:
                self._read()
            except TransientError as error:
                self._show_silence(error)
            self._stop.wait(READ_EVERY_S)
        self._store.close()

    def _read(self) -> None:
        totals, _ = self._store.snapshot()
        if not self._board.redis.answers:
            log.info("Redis answers")
        self._board.counts = dict.fromkeys(self._labels, 0) | totals
        self._board.redis = replace(self._board.redis, state=ServiceState.ANSWERS)

    def _show_silence(self, error: TransientError) -> None:
        """Mark Redis as silent, and keep the last known counts."""
        if self._board.redis.state is not ServiceState.SILENT:
            log.warning("cannot read the counts from Redis (%s); retrying every %g s", error, READ_EVERY_S)
        self._board.redis = replace(self._board.redis, state=ServiceState.SILENT)
