"""The workers under test, and a supervisor that starts again what has ended."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from benchmarks.suite.programs import Program
from chaos.errors import ChaosError
from chaos.member import STOP_S, Member
from chaos.part import Part
from worker.errors import ExitCode

WORKERS: Final = 3
_WITH_LASTING_ID: Final = 2
"""Workers with a WORKER_ID; the others are dynamic members of the group."""

_FEWEST, _MOST = 2, 5
_LOOK_S: Final = 0.05

_KILLED: Final = -9
_TERMINATED_AT_ITS_START: Final = -15
"""A SIGTERM before Python has set its handler."""

_EXPECTED: Final = frozenset({_TERMINATED_AT_ITS_START, ExitCode.OK, ExitCode.KAFKA, ExitCode.FENCED, ExitCode.STUCK})
"""What faults may end a worker with, beside a SIGKILL that was sent; every other exit code is a finding."""


class Fleet(Part):
    """Members that run until `stop`, and their supervisor; every method may be called from any thread."""

    def __init__(self, program: Program, settings: Mapping[str, str], folder: Path) -> None:
        super().__init__("fleet")
        self._program = program
        self._settings = settings
        self._folder = folder
        self._lock = threading.RLock()
        self._members: list[Member] = []
        self._paused = False
        self.exits: Counter[int] = Counter()
        self.unexpected: list[str] = []

    def start(self) -> None:
        """Start the workers and their supervisor."""
        with self._lock:
            for _ in range(WORKERS):
                self._add()
        super().start()

    def stop(self) -> None:
        """End the supervisor, then all workers in an orderly way."""
        super().stop()
        self.stop_all()

    def pids(self) -> list[int]:
        """Return the process ids of all workers that run."""
        with self._lock:
            return [member.pid for member in self._members if member.pid is not None]

    def chosen(self, target: int) -> Member:
        """Return a member that runs and is not frozen, by a number of any size. Raises ChaosError if none runs."""
        with self._lock:
            running = [member for member in self._members if member.pid is not None and not member.frozen]
            if not running:
                raise ChaosError("no worker runs")
            return running[target % len(running)]

    def change(self, member: Member, change: Callable[[Member], None]) -> None:
        """Do something with a member while the supervisor does nothing."""
        with self._lock:
            change(member)

    def add(self) -> bool:
        """Start one more worker, a dynamic member; return whether there was room for one."""
        with self._lock:
            if len(self._members) >= _MOST:
                return False
            self._add()
            return True

    def remove(self) -> bool:
        """Stop the last worker for good; return whether there were enough."""
        with self._lock:
            if len(self._members) <= _FEWEST:
                return False
            member = self._members.pop()
        self._stop(member)
        return True

    def stop_all(self) -> None:
        """Stop all workers in an orderly way, and start none again until `resume`."""
        with self._lock:
            self._paused = True
            for member in self._members:
                member.terminate()
            for member in self._members:
                self._stop(member)

    def resume(self) -> None:
        """Let the supervisor start workers again."""
        self._paused = False

    def _add(self) -> None:
        number = len(self._members)  # the last member is the first to be removed
        name = f"worker-{number}"
        settings = {**self._settings, **({"WORKER_ID": name} if number < _WITH_LASTING_ID else {})}
        self._members.append(Member(name, self._program, settings, self._folder))

    def _work(self) -> None:
        while not self._stopping.wait(_LOOK_S):
            with self._lock:
                if not self._paused:
                    self._look()

    def _look(self) -> None:
        for member in self._members:
            self._count(member, member.ended())
            if member.overdue:
                self._report_overdue(member)
                member.kill()
            if member.due:
                member.start()

    def _stop(self, member: Member) -> None:
        self._count(member, member.stop())
        if member.outlived_stop:
            self._report_overdue(member)

    def _report_overdue(self, member: Member) -> None:
        self.unexpected.append(f"{member.name} did not end within {STOP_S:g} s after SIGTERM")

    def _count(self, member: Member, code: int | None) -> None:
        if code is None:
            return
        self.exits[code] += 1
        if code not in _EXPECTED and not (code == _KILLED and member.may_be_killed):
            self.unexpected.append(f"{member.name} ended with exit code {code}; its log ends: {member.last_line()}")
