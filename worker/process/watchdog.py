"""The watchdog: ends the process when a step of the loop takes longer than its time limit."""

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
    """Holds the present step of the loop and its deadline.

    Python cannot interrupt a call of kafka-python that never returns, so the watchdog ends the process. No tweet is
    lost: after a restart, the worker processes uncommitted tweets again. The clock also runs while the process is
    stopped (SIGSTOP), so a worker that was stopped past the deadline ends itself when it continues.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._step: _Step | None = None
        self._final: _Step | None = None

    @contextmanager
    def step(self, name: str, limit_s: float) -> Iterator[None]:
        """Limit the block to `limit_s` seconds. Inside a nested step, only the limit of the nested step counts."""
        outer, self._step = self._step, _Step(name, limit_s, self._clock() + limit_s)
        try:
            yield
        finally:
            self._step = outer and outer._replace(ends_at_s=self._clock() + outer.limit_s)

    def finish_within(self, limit_s: float) -> None:
        """Limit the rest of the process to `limit_s` seconds, in addition to the limits of its steps."""
        self._final = self._final or _Step("shutdown", limit_s, self._clock() + limit_s)

    def overdue(self) -> str | None:
        """Return which step has taken too long, as text for a log line; None if no step has."""
        now = self._clock()
        for step in (self._final, self._step):
            if step is not None and now > step.ends_at_s:
                return f"{step.name} has taken more than {step.limit_s:g} s"
        return None

    def start(self) -> None:
        """Start the thread that watches."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def _watch(self) -> None:
        while (reason := self.overdue()) is None:
            time.sleep(time_limits.WATCHDOG_INTERVAL.seconds)
        log.critical("%s: ending the process; uncommitted tweets will be processed again after a restart", reason)
        faulthandler.dump_traceback()
        os._exit(ExitCode.STUCK)
