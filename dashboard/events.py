"""The stream of server-sent events that keeps an open page up to date."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from fastapi.sse import ServerSentEvent

from dashboard.board import Board
from dashboard.refusals import RefusedError
from worker.process.stop import StopRequest

EVERY_S: Final = 1.0
"""Seconds between two events `state`, which are also the heartbeat: see SILENCE_MS in static/connection.js."""

HISTORY_EVERY: Final = 2
"""Each second event `state` comes with a `history`: a bucket of the history lasts two seconds."""

STOP_CHECK_S: Final = 0.1
"""The longest delay of a stop by an open page."""

RECONNECT_MS: Final = 2_000
"""How long a browser waits before the next attempt to connect."""

VIEWERS_MAX: Final = 200
"""Open pages: each costs a connection, and about 1 ms of computing time a second."""


class Events:
    """The events that each open page is sent until the flag is set."""

    def __init__(self, board: Board, hello: Mapping[str, Any], stop: StopRequest) -> None:
        self._board = board
        self._hello = hello
        self._stop = stop
        self._viewers = 0

    def admit(self) -> None:
        """Check the number of open pages. Raises RefusedError if VIEWERS_MAX pages are open."""
        if self._viewers >= VIEWERS_MAX:
            raise RefusedError(503, f"{VIEWERS_MAX} pages are open, the most allowed: close one")

    async def stream(self) -> AsyncIterator[ServerSentEvent]:
        """Yield `hello`, then every EVERY_S what has changed."""
        self._viewers += 1
        try:
            yield _event("hello", self._hello, retry=RECONNECT_MS)
            seen: Any = None
            second = 0
            while not self._stop.is_set():
                board = self._board.snapshot()
                yield _event("state", board.state() | {"at": round(time.time(), 3)})
                if (tweets := board.tweets()) != seen:
                    seen = tweets
                    yield _event("tweets", tweets)
                if second % HISTORY_EVERY == 0:
                    yield _event("history", board.history())
                second += 1
                await self._pause(EVERY_S)
        finally:
            self._viewers -= 1

    async def _pause(self, seconds: float) -> None:
        """Sleep in small pieces, so that an open page does not delay the end of the program."""
        ends_at_s = time.monotonic() + seconds
        while not self._stop.is_set() and (left_s := ends_at_s - time.monotonic()) > 0:
            await asyncio.sleep(min(left_s, STOP_CHECK_S))


def _event(name: str, content: Any, retry: int | None = None) -> ServerSentEvent:
    line = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return ServerSentEvent(event=name, raw_data=line, retry=retry)
