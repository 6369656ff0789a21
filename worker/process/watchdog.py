"""No step may take for ever: the watchdog knows what the loop is doing, and ends the process when it hangs."""

import faulthandler
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from worker import time_limits
from worker.errors import ExitCode

log = logging.getLogger(__name__)


class _Step(NamedTuple):
    name: str
    limit_s: float
    ends_at_s: float


class Watchdog:
    """Holds the step that is under way and its deadline.

    A thread that Kafka's client leaves waiting for ever cannot be woken, only ended with its process: nothing is lost
    by that, since what is not committed is processed again. The clock also runs while the process is stopped, so a
    worker that was frozen past its deadline ends itself when it wakes.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._step: _Step | None = None
        self._final: _Step | None = None

    @contextmanager
    def step(self, name: str, limit_s: float) -> Iterator[None]:
        """Gives the block at most `limit_s` seconds. Steps may nest; the inner one counts while it lasts."""
        outer, self._step = self._step, _Step(name, limit_s, self._clock() + limit_s)
        try:
            yield
        finally:
            self._step = outer and outer._replace(ends_at_s=self._clock() + outer.limit_s)

    def finish_within(self, limit_s: float) -> None:
        """Gives everything that is still to come, whatever its steps, at most `limit_s` seconds."""
        self._final = self._final or _Step("shutdown", limit_s, self._clock() + limit_s)

    def overdue(self) -> str | None:
        """What has taken too long, in words; None while all is well."""
        now = self._clock()
        for step in (self._final, self._step):
            if step is not None and now > step.ends_at_s:
                return f"{step.name} has taken more than {step.limit_s:g} s"
        return None

    def start(self) -> None:
        """Watches from now on, in a thread of its own."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def _watch(self) -> None:
        while (reason := self.overdue()) is None:
            time.sleep(time_limits.WATCHDOG_INTERVAL.seconds)
        log.critical("%s: ending the process; what is not committed will be processed again", reason)
        faulthandler.dump_traceback()
        os._exit(ExitCode.STUCK)
