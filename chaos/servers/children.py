"""Child processes that outlive the thread that asked for them, and that can be frozen."""

import os
import signal
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from deploy.local.children import Child

#: Linux ends a Child with the *thread* that started the program. This thread ends with the process.
_STARTER: Final = ThreadPoolExecutor(1, thread_name_prefix="child-starter")


class FreezableChild(Child):
    """A program that can stand still: its connections stay open, and it does nothing."""

    def freeze(self) -> None:
        """Send SIGSTOP to the program."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Send SIGCONT to the program."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self.exit_code is None:
            os.kill(self.pid, number)


def start_child(
    name: str, command: Sequence[str], *, log: Path, stop_s: float, env: Mapping[str, str] | None = None
) -> FreezableChild:
    """Start a program from any thread; `env` is added to this process's environment."""
    full = {**os.environ, **(env or {})}
    return _STARTER.submit(lambda: FreezableChild(name, command, env=full, log=log, stop_s=stop_s)).result()
