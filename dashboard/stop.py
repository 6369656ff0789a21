"""The page's threads are watched: should one end by itself, the program ends too."""

import threading
from collections.abc import Callable

from worker.process.stop import StopFlag


class Stop(StopFlag):
    """The flag, and the threads that it would be set for."""

    def watch(self, name: str, work: Callable[[], None]) -> threading.Thread:
        """Starts a thread; should it end before the flag is set, it sets the flag and `failure` says why."""
        thread = threading.Thread(target=self._watched, args=(name, work), name=name, daemon=True)
        thread.start()
        return thread

    def _watched(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
            if not self.is_set():
                raise RuntimeError(f"the thread {name} ended by itself")
        except BaseException as error:
            self.fail(self.failure or error)
