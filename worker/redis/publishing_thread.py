"""The thread of a publisher to Redis: it works in rounds, a death ends the process, and a close is bounded."""

import threading
from collections.abc import Callable
from typing import Protocol

from worker import time_limits


class Closeable(Protocol):
    """What the thread uses, and closes at its end."""

    def close(self) -> None: ...


class PublishingThread:
    """Calls `work` until `work` returns False. `on_death` gets the error that ends the thread.

    `changed` guards what the thread and its callers share. `closing` is set when the thread is to end.
    """

    def __init__(
        self, name: str, work: Callable[[], bool], *, store: Closeable, on_death: Callable[[BaseException], None]
    ) -> None:
        self.changed = threading.Condition()
        self.closing = False
        self._work = work
        self._store = store
        self._on_death = on_death
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Let the thread end after its work, wait at most `timeout_s` seconds for it, and close the store."""
        with self.changed:
            self.closing = True
            self.changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if not self._thread.is_alive():  # else the thread still waits for Redis, and ends with the process
            self._store.close()

    def pause_after_failure(self) -> None:
        """Wait for REDIS_RETRY_PAUSE, or until the thread is to end."""
        with self.changed:
            self.changed.wait_for(lambda: self.closing, timeout=time_limits.REDIS_RETRY_PAUSE.seconds)

    def _run(self) -> None:
        try:
            while self._work():
                pass
        except BaseException as error:
            self._on_death(error)
