"""Supervise child processes: the death of one, or a signal, stops all of them in reverse order of their start.

No process and no temporary file is left afterwards.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NoReturn

from deploy.local.children import Child
from deploy.local.errors import LocalError, StopRequestedError
from worker.process.stop import StopFlag

#: Interval between two looks at the children and at a condition: short beside every wait, cheap for a processor.
_POLL_S: Final = 0.05
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Supervisor:
    """Start children in order and stop them in reverse; `folder` is the temporary folder that the children share."""

    folder: Path

    def __init__(self) -> None:
        self._children: list[Child] = []
        self._stop = StopFlag(on_second=self._give_up)

    def start(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str] | None = None, stop_s: float = 5.0
    ) -> Child:
        """Start a child; `env` is added to this process's environment. Raises StopRequestedError after a signal."""
        self._raise_if_interrupted()
        log = self.folder / f"{name.replace(' ', '-')}.log"
        child = Child(name, command, env={**os.environ, **(env or {})}, log=log, stop_s=stop_s)
        self._children.append(child)
        return child

    def run(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str] | None = None, deadline_s: float
    ) -> None:
        """Run a program to its end. Raises LocalError unless the program succeeds within `deadline_s`."""
        child = self.start(name, command, env=env)
        self.wait(lambda: child.exit_code is not None, deadline_s, f"{name} to finish", ending=child)
        self.finished(child)

    def finished(self, child: Child) -> None:
        """Stop supervising a child that was expected to end. Raises LocalError if the child failed."""
        if child.exit_code != 0:
            raise child.died()
        self._children.remove(child)

    def check(self, *, ending: Child | None = None) -> None:
        """Raise StopRequestedError after a signal, LocalError if a child other than `ending` has ended."""
        self._raise_if_interrupted()
        for child in self._children:
            if child is not ending:
                child.check()

    def watch(self) -> NoReturn:
        """Wait until `check` raises."""
        while True:
            self.check()
            time.sleep(_POLL_S)

    def wait(self, condition: Callable[[], bool], deadline_s: float, what: str, *, ending: Child | None = None) -> None:
        """Wait for the condition, and `check` meanwhile; `what` names the condition in the LocalError of a time-out."""
        end_s = time.monotonic() + deadline_s
        while not condition():
            self.check(ending=ending)
            if time.monotonic() > end_s:
                raise LocalError(f"timed out after {deadline_s:g} s waiting for {what}", self._last_log())
            time.sleep(_POLL_S)

    def stop_all(self) -> None:
        """Stop the child that was started last first, so that every child keeps the servers that it uses."""
        while self._children:
            child = self._children[-1]
            if child.exit_code is None:
                _stop(child)
            self._children.pop()

    @contextmanager
    def supervising(self) -> Iterator[None]:
        """Handle signals during the block; at its end stop every child and remove the temporary folder."""
        former = self._stop.listen(_SIGNALS)
        self.folder = Path(tempfile.mkdtemp(prefix="emotion-stream-"))
        try:
            yield
        except (StopRequestedError, LocalError):
            raise
        except Exception:
            self.check()  # if a child has died, its log explains more than this error
            raise
        finally:
            try:
                self.stop_all()
            finally:
                shutil.rmtree(self.folder, ignore_errors=True)
                for signum, handler in former.items():
                    signal.signal(signum, handler)

    def _give_up(self, signum: int) -> None:
        print("second signal: killing all programs of the stack", file=sys.stderr)
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
        print(f"{child.name} ended with exit code {child.exit_code} after SIGTERM", file=sys.stderr)
