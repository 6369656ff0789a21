"""A part of a run that works in a thread of its own, and whose error ends the run."""

import threading


class Part:
    """A thread from `start` to `stop`. An error ends the thread, and `check` raises it."""

    def __init__(self, name: str) -> None:
        self._stopping = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a second call does nothing."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def check(self) -> None:
        """Raise the error that has ended the thread."""
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:  # check() raises it
            self._error = error

    def _work(self) -> None:
        """Work until `_stopping` is set."""
        raise NotImplementedError
