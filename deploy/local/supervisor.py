"""Keeps child processes: a dead one stops the whole, a signal ends all in order, nothing stays behind."""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from deploy.local.children import Child
from deploy.local.errors import LocalError, StopRequestedError
from worker.process.stop import StopFlag

_POLL_S = 0.05
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Supervisor:
    """Starts children in order and stops them in reverse; owns the temporary folder that they share."""

    folder: Path

    def __init__(self) -> None:
        self._children: list[Child] = []
        self._stop = StopFlag(on_second=self._give_up)

    def start(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str] | None = None, stop_s: float = 5.0
    ) -> Child:
        """Starts a child; `env` is added to this process's environment."""
        self._raise_if_interrupted()
        log = self.folder / f"{name.replace(' ', '-')}.log"
        child = Child(name, command, env={**os.environ, **(env or {})}, log=log, stop_s=stop_s)
        self._children.append(child)
        return child

    def run(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str] | None = None, deadline_s: float
    ) -> None:
        """Runs a program to its end; raises LocalError unless it succeeds in time."""
        child = self.start(name, command, env=env)
        self.wait(lambda: child.exit_code is not None, deadline_s, f"{name} to finish", ending=child)
        self.finished(child)

    def finished(self, child: Child) -> None:
        """Takes a child that ended by itself out of care; raises LocalError if it failed."""
        if child.exit_code != 0:
            raise child.died()
        self._children.remove(child)

    def check(self, *, ending: Child | None = None) -> None:
        """Raises StopRequestedError after a signal, LocalError if a child other than `ending` is dead."""
        self._raise_if_interrupted()
        for child in self._children:
            if child is not ending:
                child.check()

    def watch(self) -> NoReturn:
        """Watches the children until a signal or the death of one, as `check` raises them."""
        while True:
            self.check()
            time.sleep(_POLL_S)

    def wait(self, condition: Callable[[], bool], deadline_s: float, what: str, *, ending: Child | None = None) -> None:
        """Waits for the condition, watching the children; `what` names it in the LocalError of a time-out."""
        end_s = time.monotonic() + deadline_s
        while not condition():
            self.check(ending=ending)
            if time.monotonic() > end_s:
                raise LocalError(f"waited {deadline_s:g} s in vain for {what}", self._last_log())
            time.sleep(_POLL_S)

    def stop_all(self) -> None:
        """Ends the youngest child first: nobody loses what it still talks to."""
        while self._children:
            child = self._children[-1]
            if child.exit_code is None:
                _stop(child)
            self._children.pop()

    @contextmanager
    def on_duty(self) -> Iterator[None]:
        """Takes care of signals, and at the end of every child and of the temporary folder."""
        former = self._stop.listen(_SIGNALS)
        self.folder = Path(tempfile.mkdtemp(prefix="emotion-stream-"))
        try:
            yield
        except (StopRequestedError, LocalError):
            raise
        except Exception:
            self.check()  # a dead child explains more than its symptom
            raise
        finally:
            try:
                self.stop_all()
            finally:
                shutil.rmtree(self.folder, ignore_errors=True)
                for signum, handler in former.items():
                    signal.signal(signum, handler)

    def _give_up(self, signum: int) -> None:
        print("second signal: giving up at once", file=sys.stderr)
        for child in reversed(self._children):
            child.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        os._exit(128 + signum)

    def _raise_if_interrupted(self) -> None:
        if self._stop.signal_number is not None:
            raise StopRequestedError(self._stop.signal_number)

    def _last_log(self) -> str:
        return self._children[-1].log_tail() if self._children else ""


def _stop(child: Child) -> None:
    if not child.stop():
        print(f"{child.name} did not end within {child.stop_s:g} s and was killed", file=sys.stderr)
    elif child.exit_code not in (0, -signal.SIGTERM):
        print(f"{child.name} ended with exit code {child.exit_code} when it was stopped", file=sys.stderr)
