"""The thread that watches Redis: totals, last minutes and tweet topics, again after every failure."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from dashboard.board import Board, ServiceState
from dashboard.chart_history import MinuteCounts
from dashboard.stream_statistics import BUCKET_S, BUCKETS
from tweets.periods import ALL, Period
from worker.process.stop import StopRequest
from worker.redis.series_store import SeriesStore
from worker.redis.store import CountsStore, CountsStoreError

log = logging.getLogger(__name__)

READ_EVERY_S: Final = 0.5
"""Seconds between two reads: half of the interval at which pages are sent the counts."""

MINUTES_EVERY: Final = 10
"""Each tenth read also reads the last minutes, which only the part of the chart from before the page needs, and the
names of the tweet topics."""


class RedisWatch:
    """Writes the board's `redis`, `counts`, `minutes` and `subjects`. `clock` returns Unix seconds."""

    def __init__(
        self,
        store: CountsStore,
        board: Board,
        labels: Sequence[str],
        stop: StopRequest,
        *,
        series: SeriesStore,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._series = series
        self._board = board
        self._labels = labels
        self._stop = stop
        self._clock = clock
        self._logged: set[str] = set()
        self._minutes_failed = False

    def run(self) -> None:
        """Read the counts until the flag is set."""
        reads = 0
        while not self._stop.is_set():
            try:
                self._read()
                if reads % MINUTES_EVERY == 0:
                    self._read_minutes()
                reads += 1
            except CountsStoreError as error:
                self._show_failure(error)
            self._stop.wait(READ_EVERY_S)
        self._store.close()
        self._series.close()

    def _read(self) -> None:
        totals, _ = self._store.snapshot()
        if not self._board.redis.answers:
            log.info("Redis answers")
        self._logged.clear()
        self._board.counts = dict.fromkeys(self._labels, 0) | totals
        self._board.redis = replace(self._board.redis, state=ServiceState.ANSWERS)

    def _read_minutes(self) -> None:
        """Read the minutes and the names; the totals do not depend on them, so a failure is only logged, once."""
        now_s = self._clock()
        first, last = (Period.of("minute", int(1000 * at_s)) for at_s in (now_s - BUCKETS * BUCKET_S, now_s))
        try:
            self._board.minutes = MinuteCounts(now_s, self._series.series(ALL, "minute", first.number, last.number))
            self._board.subjects = self._series.subjects()
            self._minutes_failed = False
        except CountsStoreError as error:
            if not self._minutes_failed:
                log.warning("cannot read the counts of the last minutes from Redis (%s): the chart begins empty", error)
            self._minutes_failed = True

    def _show_failure(self, error: CountsStoreError) -> None:
        """Mark Redis as silent, or as refusing, log each reason once, and keep the last known counts."""
        if str(error) not in self._logged:
            log.warning("cannot read the counts from Redis (%s); retrying every %g s", error, READ_EVERY_S)
            self._logged.add(str(error))
        state = ServiceState.REFUSES if error.refused else ServiceState.SILENT
        self._board.redis = replace(self._board.redis, state=state)
