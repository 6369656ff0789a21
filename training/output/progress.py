"""Show progress on stderr: a bar on a terminal, else a line at intervals. Results go to stdout."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Advance = Callable[[str], None]
"""Count one more finished step; the argument is a short detail such as the loss."""

LINE_EVERY_S = 15.0
"""Seconds between two lines where stderr is no terminal: a log of an hour stays under 250 lines."""


def say(line: str) -> None:
    """Print one line about the work to stderr."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def progress(title: str, steps: int) -> Iterator[Advance]:
    """Show how many of the steps are finished; the block calls what is yielded after each step."""
    if sys.stderr.isatty():
        with _bar() as bar:
            task = bar.add_task(title, total=steps, detail="")
            yield lambda detail: bar.update(task, advance=1, detail=detail)
    else:
        yield _Lines(title, steps)


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, TimeRemainingColumn(), TextColumn("{task.fields[detail]}"), console=Console(stderr=True))


class _Lines:
    """Progress as lines, for a stderr that is no terminal."""

    def __init__(self, title: str, steps: int) -> None:
        self._title = title
        self._steps = steps
        self._done = 0
        self._next_s = time.monotonic() + LINE_EVERY_S

    def __call__(self, detail: str) -> None:
        self._done += 1
        if time.monotonic() >= self._next_s or self._done == self._steps:
            self._next_s = time.monotonic() + LINE_EVERY_S
            say(f"{self._title}: {self._done}/{self._steps} {detail}")
