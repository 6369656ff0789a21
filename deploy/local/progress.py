"""Show the progress of a replay on stderr: live bars on a terminal, otherwise one line every few seconds."""

import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

#: Interval of the lines in a log, where each line stays.
_LINE_INTERVAL_S: Final = 3.0

#: Columns of a bar: bar, emotion and count fit a terminal of 80 columns.
_BAR_WIDTH: Final = 40


def say(text: str) -> None:
    """Print one line for the user on stderr."""
    print(text, file=sys.stderr, flush=True)


class DemoProgress:
    """Show the progress of `total` tweets; the rate is measured from the first tweets that came out."""

    def __init__(self, total: int, emotions: Sequence[str]) -> None:
        self._total = total
        self._emotions = emotions
        self._first: tuple[float, int] | None = None
        self._line_due_s = time.monotonic() + _LINE_INTERVAL_S
        self._rate = 0.0
        console = Console(stderr=True)
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, done: int, counts: Mapping[str, int]) -> None:
        """Draw the present state; cheap enough to be called in a loop."""
        now_s = time.monotonic()
        self._measure(done, now_s)
        if self._live:
            self._live.update(Group(self._bars(counts), self._status(done)), refresh=True)
        elif now_s >= self._line_due_s:
            self._line_due_s = now_s + _LINE_INTERVAL_S
            each = ", ".join(f"{emotion} {counts.get(emotion, 0):,}" for emotion in self._emotions)
            say(f"{self._status(done)}: {each}")

    def _measure(self, done: int, now_s: float) -> None:
        if self._first is None:
            self._first = (now_s, done) if done else None
            return
        first_s, first_done = self._first
        self._rate = (done - first_done) / (now_s - first_s)

    def _status(self, done: int) -> Text:
        status = f"{done:,} of {self._total:,} tweets"
        if self._rate:
            status += f", {self._rate:,.0f} tweets/s, {(self._total - done) / self._rate:,.0f} s left"
        return Text(status)

    def _bars(self, counts: Mapping[str, int]) -> Table:
        longest = max([1, *counts.values()])
        table = Table.grid(padding=(0, 2))
        for emotion in dict.fromkeys([*self._emotions, *counts]):
            count = counts.get(emotion, 0)
            table.add_row(
                emotion, ProgressBar(longest, count, width=_BAR_WIDTH, finished_style="bar.complete"), f"{count:>9,}"
            )
        return table
