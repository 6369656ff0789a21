"""The watchdog: ends the process when a step of the loop takes longer than its time limit."""

import logging
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from worker import time_limits
from worker.errors import ExitCode

log = logging.getLogger(__name__)

_STOP_SIGNALS: Final = frozenset({signal.SIGTERM, signal.SIGINT})

_SIGNALS_AT_ONCE: Final = 64
"""Signals read in one go; more of them wait for the next look."""


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

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, stop_limit_s: float = time_limits.SHUTDOWN.seconds
    ) -> None:
        """`stop_limit_s` limits the rest of the process after SIGTERM or SIGINT."""
        self._clock = clock
        self._stop_limit_s = stop_limit_s
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
        """Start the thread that watches; call this in the main thread, after the signal handlers are set."""
        self._signals, signalled = socket.socketpair()
        signalled.setblocking(False)
        # Python runs a signal handler only between two bytecodes of the main thread, which a hung call may never reach.
        # The wakeup descriptor gets the number of each signal at once.
        signal.set_wakeup_fd(signalled.detach(), warn_on_full_buffer=False)
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def _watch(self) -> None:
        while (reason := self.overdue()) is None:
            if select.select([self._signals], [], [], time_limits.WATCHDOG_INTERVAL.seconds)[0]:
                received = self._signals.recv(_SIGNALS_AT_ONCE)
                if not _STOP_SIGNALS.isdisjoint(received):
                    self.finish_within(self._stop_limit_s)
        _end_process(reason)


def _end_process(reason: str) -> None:
    """Log the reason and all stacks, and end the process, whether or not the log can be written.

    The log may be a pipe that is never read, or another thread may hold the lock of the log handler. Another thread
    writes the report, and gives up the interpreter while it waits; faulthandler would keep the interpreter and so stop
    this thread as well.
    """
    try:
        reporting = threading.Thread(target=_report, args=(reason,), name="watchdog-report", daemon=True)
        reporting.start()
        reporting.join(time_limits.WATCHDOG_REPORT.seconds)
    finally:
        os._exit(ExitCode.STUCK)


def _report(reason: str) -> None:
    log.critical("%s: ending the process; uncommitted tweets will be processed again after a restart", reason)
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    stacks = [
        f"{names.get(number, number)}:\n{''.join(traceback.format_stack(frame))}"
        for number, frame in sys._current_frames().items()
    ]
    log.critical("the stack of each thread:\n%s", "".join(stacks))
