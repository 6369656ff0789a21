"""Threads that the program needs: if one ends before the stop flag is set, the program stops."""

import threading
from collections.abc import Callable

from worker.process.stop import StopFlag


class ThreadWatch:
    """Starts threads, and sets the stop flag with the error of the first thread that ends too early."""

    def __init__(self, stop: StopFlag) -> None:
        self._stop = stop

    def start(self, name: str, work: Callable[[], None]) -> threading.Thread:
        """Start a thread; if `work` raises, or returns before the flag is set, the flag's `failure` has the error."""
        thread = threading.Thread(target=self._watched, args=(name, work), name=name, daemon=True)
        thread.start()
        return thread

    def _watched(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
            if not self._stop.is_set():
                raise RuntimeError(f"the thread {name} returned before the program was stopped")
        except BaseException as error:
            self._stop.fail(self._stop.failure or error)
