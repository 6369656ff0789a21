"""Every few seconds: keep the state of the run on disk, then delete the records that are verified."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from chaos.errors import ChaosError

_EVERY_S: Final = 10.0


class Keeper:
    """A thread of its own: while brokers are disturbed, a deletion may wait for half a minute."""

    def __init__(self, save: Callable[[], None], trim: Callable[[], None]) -> None:
        self._save = save
        self._trim = trim
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        self._failure: Exception | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a second call does nothing."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()

    def check(self) -> None:
        """Raise the error that has ended the thread."""
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while not self._ending.wait(_EVERY_S):
                self._save()
                with suppress(ChaosError):  # the next time deletes more
                    self._trim()
        except Exception as error:
            self._failure = error
