"""How a program ends: a flag, set by a signal or by the death of a thread that it cannot do without."""

import os
import signal
import threading
from types import FrameType


class StopFlag(threading.Event):
    """Set by the first SIGTERM or SIGINT, once `listen` was called; the second ends the process at once."""

    def __init__(self) -> None:
        super().__init__()
        self.death: BaseException | None = None

    def listen(self) -> None:
        """Takes over the signals of this process."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def on_death(self, error: BaseException) -> None:
        """A thread died of `error`."""
        self.death = error
        self.set()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.is_set():
            os._exit(128 + number)
        self.set()
