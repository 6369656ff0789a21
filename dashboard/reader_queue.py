"""Work for one thread, of which a few pieces may wait: reads that must not block the web server."""

import queue
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from dashboard.refusals import RefusedError
from worker.process.stop import StopRequest

STOP_CHECK_S: Final = 0.25
"""Seconds between two checks of the stop flag while nothing waits."""

_RETRY_AFTER: Final = {"Retry-After": "2"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Piece:
    work: Callable[[], Any]
    answer: "Future[Any]" = field(default_factory=Future)
    since_s: float = field(default_factory=time.monotonic)


class ReaderQueue:
    """Any thread may call `submit`; only one thread calls `run`, and so a client of one thread can do the work."""

    def __init__(self, name: str, *, waiting_max: int, wait_max_s: float) -> None:
        """Work that waited longer than `wait_max_s` is refused: its sender retries, and the work behind it is done."""
        self._name = name
        self._wait_max_s = wait_max_s
        self._waiting: queue.Queue[_Piece] = queue.Queue(waiting_max)

    def submit(self, work: Callable[[], T]) -> "Future[T]":
        """Return the answer of `work`, which the thread of `run` calls. Raises RefusedError if too much waits."""
        piece = _Piece(work)
        try:
            self._waiting.put_nowait(piece)
        except queue.Full:
            raise self._busy() from None
        return piece.answer

    def run(self, stop: StopRequest) -> None:
        """Do one piece of work after the other until the flag is set; an exception is the answer to its sender."""
        while not stop.is_set():
            try:
                piece = self._waiting.get(timeout=STOP_CHECK_S)
            except queue.Empty:
                continue
            if not piece.answer.set_running_or_notify_cancel():  # the client has gone
                continue
            if time.monotonic() - piece.since_s > self._wait_max_s:
                piece.answer.set_exception(self._busy())
                continue
            try:
                piece.answer.set_result(piece.work())
            except Exception as error:
                piece.answer.set_exception(error)

    def _busy(self) -> RefusedError:
        return RefusedError(503, f"too many {self._name} are asked for at once: try again in a moment", _RETRY_AFTER)
