"""Child processes: each in its own process group, with its output in a log file, ended by its own process id."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from deploy.local.errors import LocalError

_PARENT_DEATH: Final = Path(__file__).with_name("parent_death.py")

#: Harmless warnings of the dynamic linker about the embedded servers, left out of log excerpts.
_IGNORED_OUTPUT: Final = ("weak version `GLIBC_",)

#: Lines of a log that an error message quotes: enough for the end of a traceback.
_LOG_TAIL_LINES: Final = 15

#: The kernel ends a killed process at once; a longer wait means that the kernel is stuck.
_KILL_DEADLINE_S: Final = 5.0


class Child:
    """A running program. `stop_s` is how many seconds the program may take to end after SIGTERM."""

    def __init__(self, name: str, command: Sequence[str], *, env: Mapping[str, str], log: Path, stop_s: float) -> None:
        self.name = name
        self.stop_s = stop_s
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                _ending_with_parent(command),
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                **_own_group(),
            )

    @property
    def pid(self) -> int:
        """The process id; the kernel does not reuse the id before the exit code was read."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while the program runs; negative: the number of the signal that ended the program."""
        return self._process.poll()

    def log_tail(self) -> str:
        """Return the last lines of the program's output."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        kept = [line for line in lines if not any(part in line for part in _IGNORED_OUTPUT)]
        return "\n".join(kept[-_LOG_TAIL_LINES:])

    def died(self) -> LocalError:
        """Return the error to raise when the program has ended and should still run."""
        return LocalError(f"{self.name} ended unexpectedly ({_ending(self.exit_code)})", self.log_tail())

    def check(self) -> None:
        """Raise LocalError if the program has ended."""
        if self.exit_code is not None:
            raise self.died()

    def terminate(self) -> None:
        """Send SIGTERM to the program."""
        if self.exit_code is None:
            self._process.terminate()

    def kill(self) -> None:
        """Send SIGKILL to the program and its own children, without waiting."""
        if self.exit_code is None:
            if os.name == "posix":
                os.killpg(self.pid, signal.SIGKILL)
            else:
                self._process.kill()

    def stop(self) -> bool:
        """Send SIGTERM, and SIGKILL after `stop_s`; wait for the end. Return whether SIGTERM was enough."""
        self.terminate()
        try:
            self._process.wait(self.stop_s)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait(_KILL_DEADLINE_S)
            return False
        return True


def _ending_with_parent(command: Sequence[str]) -> list[str]:
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-I", "-S", str(_PARENT_DEATH), str(os.getpid()), *command]


def _own_group() -> dict[str, Any]:
    """Return arguments that start a process group: a terminal sends Ctrl-C to its whole foreground group."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}


def _ending(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"killed by {signal.Signals(-exit_code).name}"
    return f"exit code {exit_code}"
