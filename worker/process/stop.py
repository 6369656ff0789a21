"""How every long-running program of the project stops: a flag that a signal or the failure of a thread sets."""

import os
import select
import signal
import socket
import weakref
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any, Protocol


class StopRequest(Protocol):
    """What a loop needs to know about stopping; `threading.Event` will do where no signal is handled."""

    def is_set(self) -> bool:
        """Return whether to stop."""

    def wait(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for the flag; return whether it is set."""


class StopFlag:
    """A stop flag that a signal handler may set while the same thread waits for it.

    `threading.Event` is not safe there: `set` in a handler waits for a lock that the interrupted `wait` may hold. This
    flag is an attribute, and a byte in a socket pair that wakes every `wait` (the self-pipe trick).

    The first signal calls `on_first` and sets the flag. The second calls `on_second`, by default the immediate end of
    the process with exit code 128 + the signal's number.
    """

    def __init__(
        self,
        *,
        on_first: Callable[[], None] = lambda: None,
        on_second: Callable[[int], None] = lambda number: os._exit(128 + number),
    ) -> None:
        self.failure: BaseException | None = None
        self.signal_number: int | None = None
        self._on_first = on_first
        self._on_second = on_second
        self._is_set = False
        self._waiting_end, self._waking_end = socket.socketpair()
        self._waking_end.setblocking(False)
        closing = weakref.finalize(self, _close, self._waiting_end, self._waking_end)
        closing.atexit = False  # daemon threads may still wait for the flag then

    def listen(self, signals: Iterable[int] = (signal.SIGTERM, signal.SIGINT)) -> dict[int, Any]:
        """Handle these signals from now on; return the handlers that were there before."""
        return {number: signal.signal(number, self._on_signal) for number in signals}

    def is_set(self) -> bool:
        """Return whether the program must stop."""
        return self._is_set

    def set(self) -> None:
        """Set the flag and wake every `wait`."""
        if not self._is_set:
            self._is_set = True
            self._waking_end.send(b"\0")  # never read: every later `wait` returns at once

    def wait(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for the flag; return whether it is set."""
        if not self._is_set:
            select.select([self._waiting_end], [], [], timeout)
        return self._is_set

    def fail(self, error: BaseException) -> None:
        """Set the flag because a thread that the program needs has ended with `error`."""
        self.failure = error
        self.set()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.signal_number is not None:
            self._on_second(number)
            return
        self.signal_number = number
        self._on_first()
        self.set()


def _close(*ends: socket.socket) -> None:
    for end in ends:
        end.close()
