"""The stream of events that keeps a page up to date; the board is read, nobody is asked."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from fastapi.sse import ServerSentEvent

from dashboard.board import Board
from dashboard.messages import RefusedError
from worker.process.stop import StopRequest

EVERY_S: Final = 1.0
HISTORY_EVERY: Final = 2
LOOK_UP_S: Final = 0.1
RECONNECT_MS: Final = 2_000
VIEWERS_MAX: Final = 200


class Events:
    """What each open page is sent, until the flag is set."""

    def __init__(self, board: Board, hello: Mapping[str, Any], stop: StopRequest) -> None:
        self._board = board
        self._hello = hello
        self._stop = stop
        self._viewers = 0

    def admit(self) -> None:
        """Raises RefusedError if too many pages are open."""
        if self._viewers >= VIEWERS_MAX:
            raise RefusedError(503, f"{VIEWERS_MAX} pages are open already: close one")

    async def stream(self) -> AsyncIterator[ServerSentEvent]:
        """Greets, then sends what is new every second."""
        self._viewers += 1
        try:
            yield _event("hello", self._hello, retry=RECONNECT_MS)
            seen: Any = None
            second = 0
            while not self._stop.is_set():
                yield _event("state", self._board.state() | {"at": round(time.time(), 3)})
                if (tweets := self._board.tweets()) != seen:
                    seen = tweets
                    yield _event("tweets", tweets)
                if second % HISTORY_EVERY == 0:
                    yield _event("history", self._board.history())
                second += 1
                await self._pause(EVERY_S)
        finally:
            self._viewers -= 1

    async def _pause(self, seconds: float) -> None:
        """In small pieces: an open page must not keep the program from ending."""
        ends_at_s = time.monotonic() + seconds
        while not self._stop.is_set() and (left_s := ends_at_s - time.monotonic()) > 0:
            await asyncio.sleep(min(left_s, LOOK_UP_S))


def _event(name: str, content: Any, retry: int | None = None) -> ServerSentEvent:
    line = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return ServerSentEvent(event=name, raw_data=line, retry=retry)
