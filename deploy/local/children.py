"""Child processes: each in its own process group, with its log in a file, ended by its own id."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.local.errors import LocalError

_LEASH = Path(__file__).with_name("leash.py")
_NOISE = ("weak version `GLIBC_",)  # a harmless remark of the dynamic linker about the embedded server
_LOG_TAIL_LINES = 15
_KILL_DEADLINE_S = 5.0


class Child:
    """A running program. `stop_s` is how long it may take to end itself after SIGTERM."""

    def __init__(self, name: str, command: Sequence[str], *, env: Mapping[str, str], log: Path, stop_s: float) -> None:
        self.name = name
        self.stop_s = stop_s
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                _leashed(command),
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                **_own_group(),
            )

    @property
    def pid(self) -> int:
        """The process id; it stays the child's own until its exit code was read."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.poll()

    def log_tail(self) -> str:
        """The last lines of its output."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join([line for line in lines if not any(noise in line for noise in _NOISE)][-_LOG_TAIL_LINES:])

    def died(self) -> LocalError:
        """The error to raise when it has ended and should not have."""
        return LocalError(f"{self.name} ended unexpectedly ({_ending(self.exit_code)})", self.log_tail())

    def check(self) -> None:
        """Raises LocalError if it is not running any more."""
        if self.exit_code is not None:
            raise self.died()

    def terminate(self) -> None:
        """Asks it to end."""
        if self.exit_code is None:
            self._process.terminate()

    def kill(self) -> None:
        """Ends it, and whatever it started, without asking and without waiting."""
        if self.exit_code is None:
            if os.name == "posix":
                os.killpg(self.pid, signal.SIGKILL)
            else:
                self._process.kill()

    def stop(self) -> bool:
        """Asks it to end and waits; says whether it did so in time. In the end it is gone in either case."""
        self.terminate()
        try:
            self._process.wait(self.stop_s)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait(_KILL_DEADLINE_S)
            return False
        return True


def _leashed(command: Sequence[str]) -> list[str]:
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), *command]


def _own_group() -> dict[str, Any]:
    """Keeps Ctrl-C away, which a terminal sends to its whole foreground group."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}


def _ending(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"killed by {signal.Signals(-exit_code).name}"
    return f"exit code {exit_code}"
