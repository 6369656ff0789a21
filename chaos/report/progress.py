"""The progress of a run on stderr: one line that changes on a terminal, otherwise a line every ten seconds."""

import time
from typing import Final, Self

from rich.console import Console
from rich.status import Status

from deploy.local.progress import say

_LINE_INTERVAL_S: Final = 10.0


class RunProgress:
    """Show how many of the records are verified and which faults are under way."""

    def __init__(self, records: int, faults: int) -> None:
        self._records = records
        self._faults = faults
        self._line_due_s = time.monotonic()
        console = Console(stderr=True, highlight=False)
        self._status = Status("", console=console) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def show(self, verified: int, finished: int, present: list[str]) -> None:
        """Draw the present state; cheap enough to be called in a loop."""
        if self._status:
            self._status.update(self._line(verified, finished, present))
        elif time.monotonic() >= self._line_due_s:
            self._line_due_s = time.monotonic() + _LINE_INTERVAL_S
            say(self._line(verified, finished, present))

    def _line(self, verified: int, finished: int, present: list[str]) -> str:
        now = f", now {', '.join(present)}" if present else ""
        return f"{verified:,} of {self._records:,} records verified, {finished:,} of {self._faults:,} faults{now}"
