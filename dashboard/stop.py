"""How the program ends: a flag, set by a signal or by the death of a thread that it cannot do without."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType


class Stop(threading.Event):
    """Set by the first SIGTERM or SIGINT, once `listen` was called; the second ends the process at once."""

    def __init__(self) -> None:
        super().__init__()
        self.death: BaseException | None = None

    def listen(self) -> None:
        """Takes over the signals of this process."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def watch(self, name: str, work: Callable[[], None]) -> threading.Thread:
        """Starts a thread; should it end before the flag is set, it sets the flag and `death` says why."""
        thread = threading.Thread(target=self._watched, args=(name, work), name=name, daemon=True)
        thread.start()
        return thread

    def _watched(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
            if not self.is_set():
                raise RuntimeError(f"the thread {name} ended by itself")
        except BaseException as error:
            self.death = self.death or error
            self.set()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.is_set():
            os._exit(128 + number)
        self.set()
