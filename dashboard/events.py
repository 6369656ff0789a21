"""The stream of server-sent events that keeps an open page up to date."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from fastapi.sse import format_sse_event

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

    def __init__(
        self, board: Board, hello: Mapping[str, Any], stop: StopRequest, *, viewers_max: int = VIEWERS_MAX
    ) -> None:
        self._board = board
        self._hello = hello
        self._stop = stop
        self._viewers_max = viewers_max
        self._viewers = 0

    async def place(self) -> AsyncIterator[None]:
        """Hold a place among the open pages until the response ends. Raises RefusedError if every place is taken."""
        if self._viewers >= self._viewers_max:
            raise RefusedError(503, f"{self._viewers_max} pages are open, the most allowed: close one")
        self._viewers += 1
        try:
            yield
        finally:
            self._viewers -= 1

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield `hello`, then every EVERY_S what has changed."""
        yield _event("hello", self._hello, retry=RECONNECT_MS)
        seen: Any = None
        rare: dict[str, Any] = {"topics": [], "hashtags": None}
        second = 0
        while not self._stop.is_set():
            board = self._board.snapshot()
            yield _event("state", board.state() | {"at": round(time.time(), 3)})
            if (tweets := board.tweets()) != seen:
                seen = tweets
                yield _event("tweets", tweets)
            newest = {"topics": board.topics(), "hashtags": board.hashtags and board.hashtags.as_json()}
            for name in (name for name in newest if newest[name] != rare[name]):
                yield _event(name, newest[name])
            rare = newest
            if second % HISTORY_EVERY == 0:
                yield _event("history", board.history())
            second += 1
            await self._pause(EVERY_S)

    async def _pause(self, seconds: float) -> None:
        """Sleep in small pieces, so that an open page does not delay the end of the program."""
        ends_at_s = time.monotonic() + seconds
        while not self._stop.is_set() and (left_s := ends_at_s - time.monotonic()) > 0:
            await asyncio.sleep(min(left_s, STOP_CHECK_S))


def _event(name: str, content: Any, retry: int | None = None) -> bytes:
    line = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return format_sse_event(event=name, data_str=line, retry=retry)
