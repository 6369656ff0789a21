"""Emotion over time: the answers of `/series`, `/surest`, `/topics` and `/hashtags`; none blocks the web server."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from dashboard.board import Board
from dashboard.reader_queue import ReaderQueue
from dashboard.refusals import RefusedError
from dashboard.surest_reader import TIME_MAX_S, SurestReader, SurestTweets
from tweets.periods import Period, Unit
from worker.errors import FatalError, TransientError
from worker.process.stop import StopRequest
from worker.redis.errors import CountsStoreError
from worker.redis.series_store import SeriesStore
from worker.series import Series, SeriesError, UnknownSubjectError, check_subject, moment_ms, span_of

SERIES_WAIT_S: Final = 5.0
"""Seconds that a request for a series may wait: each series is read in tens of milliseconds."""

SEARCH_WAIT_S: Final = TIME_MAX_S + 5
"""Seconds that a search may wait: as long as the search before it, and its end."""

_RETRY_AFTER: Final = {"Retry-After": "5"}
"""A server that was restarted answers after some seconds."""


class OverTime:
    """Any number of requests may call the methods; the two queues' threads read, one after the other.

    `clock` returns Unix seconds.
    """

    def __init__(
        self,
        board: Board,
        store: SeriesStore,
        surest: SurestReader,
        *,
        series_max: int,
        surest_max: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare the queues; so many requests of each kind may wait.

        The caller calls `read_series` and the `run` of `surest_queue`, each in a thread of its own.
        """
        self._board = board
        self._store = store
        self._surest = surest
        self._clock = clock
        self.series_queue = ReaderQueue("series", waiting_max=series_max, wait_max_s=SERIES_WAIT_S)
        self.surest_queue = ReaderQueue("searches", waiting_max=surest_max, wait_max_s=SEARCH_WAIT_S)

    def read_series(self, stop: StopRequest) -> None:
        """Read one series after the other until the flag is set, and then close the connections to Redis."""
        try:
            self.series_queue.run(stop)
        finally:
            self._store.close()

    async def series(self, subject: str, unit: Unit, first: str | None, end: str | None) -> dict[str, Any]:
        """Return the JSON object of a series. Raises RefusedError."""
        try:
            span = span_of(unit, first, end, now_ms=int(1000 * self._clock()))
        except SeriesError as error:
            raise _wrong(error) from None

        def read() -> Series:
            since_s = check_subject(subject, self._store.subjects() if subject else {})
            return Series(subject, span, self._store.series(subject, unit, span.first, span.last), since_s)

        try:
            found = await asyncio.wrap_future(self.series_queue.submit(read))
        except UnknownSubjectError as error:
            raise RefusedError(404, str(error)) from None
        except CountsStoreError as error:
            raise _silent("Redis", refuses=error.refused) from None
        return found.as_json()

    async def surest(self, minute: str, subject: str) -> dict[str, Any]:
        """Return the JSON object of a search for the surest tweets of a minute. Raises RefusedError."""
        try:
            asked = Period.of("minute", moment_ms("minute", minute))
        except SeriesError as error:
            raise _wrong(error) from None
        try:
            check_subject(subject, self._known() if subject else {})
        except UnknownSubjectError as error:
            raise RefusedError(404, str(error)) from None
        if not self._board.kafka.answers:
            raise _silent("Kafka")

        def search() -> SurestTweets:
            return self._surest.find(asked, subject)

        try:
            found = await asyncio.wrap_future(self.surest_queue.submit(search))
        except (TransientError, FatalError):
            raise _silent("Kafka") from None
        return found.as_json()

    def topics(self) -> dict[str, Any]:
        """Return the JSON object of the tweet topics, a few seconds old at most. Raises RefusedError."""
        self._known()
        return {"topics": self._board.topics()}

    def hashtags(self) -> dict[str, Any]:
        """Return the JSON object of the rising hashtags, a few seconds old. Raises RefusedError."""
        if self._board.hashtags is None or not self._board.kafka.answers:
            raise _silent("Kafka")
        return self._board.hashtags.as_json()

    def _known(self) -> Mapping[str, int]:
        if self._board.subjects is None:
            raise _silent("Redis")
        return self._board.subjects


def _wrong(error: SeriesError) -> RefusedError:
    return RefusedError(422, f"{error.field}: {error}")


def _silent(name: str, *, refuses: bool = False) -> RefusedError:
    does = "refuses the request; the page's log has the reason" if refuses else "does not answer: try again in a moment"
    return RefusedError(503, f"{name} {does}", _RETRY_AFTER)
