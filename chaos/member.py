"""One worker of the fleet: a name that outlives its processes."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from benchmarks.suite.programs import Program
from chaos.kill_points import FILE, KillPoint
from chaos.servers.children import FreezableChild, start_child
from chaos.servers.waiting import became_true

STOP_S: Final = 15.0
"""More than the worker's own limit between SIGTERM and its end."""

_LONG_LIFE_S: Final = 10.0
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 3.0
_MOST_LOG_BYTES: Final = 50_000_000
_LONGEST_LINE: Final = 300


class Member:
    """A program that is started again under the same name; only `Fleet` calls it, one thread at a time."""

    def __init__(self, name: str, program: Program, settings: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.settings = dict(settings)
        self.frozen = False
        self.outlived_stop = False
        self._killed = False
        self.kill_point = KillPoint(folder / f"{name}.step")
        self._program = program
        self._log = folder / f"{name}.log"
        self._child: FreezableChild | None = None
        self._started_s = 0.0
        self._terminated_s: float | None = None
        self._pause_s = _FIRST_PAUSE_S
        self._due_s = 0.0

    @property
    def pid(self) -> int | None:
        """The process id; None without a process."""
        return self._child.pid if self._child else None

    @property
    def due(self) -> bool:
        """Whether the member has no process and it is time for the next one."""
        return self._child is None and time.monotonic() >= self._due_s

    def start(self) -> None:
        """Start the program."""
        if self._log.exists() and self._log.stat().st_size > _MOST_LOG_BYTES:
            self._log.replace(self._log.with_suffix(".log.1"))
        # One thread for arrays: more of them would only wait for each other.
        more = {FILE: str(self.kill_point.file), "OMP_NUM_THREADS": "1"}
        env = self._program.variables({**self.settings, **more})
        self._child = start_child(self.name, self._program.command, env=env, log=self._log, stop_s=STOP_S)
        self._started_s, self.frozen, self._terminated_s, self._killed = time.monotonic(), False, None, False

    def ended(self) -> int | None:
        """Return the exit code of a process that has ended, once; a program that ends soon is started again later."""
        if self._child is None or (code := self._child.exit_code) is None:
            return None
        now_s = time.monotonic()
        lived_long = now_s - self._started_s > _LONG_LIFE_S
        self._pause_s = _FIRST_PAUSE_S if lived_long else min(2 * self._pause_s, _LONGEST_PAUSE_S)
        self._child, self._due_s = None, now_s + self._pause_s
        return code

    @property
    def may_be_killed(self) -> bool:
        """Whether SIGKILL was sent to the present or last process, or a kill point was armed while it ran."""
        return self._killed or self.kill_point.used_since(self._started_s)

    @property
    def overdue(self) -> bool:
        """Whether the process runs for STOP_S already after SIGTERM, without being frozen."""
        return (
            self._child is not None
            and not self.frozen
            and self._terminated_s is not None
            and time.monotonic() - self._terminated_s > STOP_S
        )

    def kill(self) -> None:
        """Send SIGKILL."""
        if self._child:
            self._killed = True
            self._child.kill()

    def terminate(self) -> None:
        """Let a frozen process continue, and send SIGTERM once: a second one would end a worker at once."""
        if self.frozen:
            self.thaw()
        if self._child and self._terminated_s is None:
            self._child.terminate()
            self._terminated_s = time.monotonic()

    def freeze(self) -> None:
        """Send SIGSTOP."""
        if self._child:
            self._child.freeze()
        self.frozen = True

    def thaw(self) -> None:
        """Send SIGCONT."""
        if self._child:
            self._child.thaw()
        self.frozen = False
        if self._terminated_s is not None:
            self._terminated_s = time.monotonic()

    def stop(self) -> int | None:
        """End the process, with SIGKILL if it does not end in time; return its exit code, None without a process."""
        if self._child is None:
            return None
        self.terminate()
        child = self._child
        self.outlived_stop = not became_true(lambda: child.exit_code is not None, STOP_S)
        self.kill()
        child.stop()  # waits until the process is gone
        self._child = None
        return child.exit_code

    def last_line(self) -> str:
        """Return the last line of the log, and where the log is."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").split("\n") if self._log.exists() else []
        last = next((line for line in reversed(lines) if line.strip()), "nothing")
        return f"{last[:_LONGEST_LINE]} (log: {self._log})"
