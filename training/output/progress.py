"""A bar on a terminal, a line now and then elsewhere; always on stderr, stdout is for results."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Advance = Callable[[str], None]
"""Say that one more step is done, with a short note such as the loss."""

LINE_EVERY_S = 15.0


def say(line: str) -> None:
    """Write one line about what happens."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def progress(title: str, steps: int) -> Iterator[Advance]:
    """Show how many of the steps are done."""
    if sys.stderr.isatty():
        with _bar() as bar:
            task = bar.add_task(title, total=steps, note="")
            yield lambda note: bar.update(task, advance=1, note=note)
    else:
        yield _Lines(title, steps)


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, TimeRemainingColumn(), TextColumn("{task.fields[note]}"), console=Console(stderr=True))


class _Lines:
    def __init__(self, title: str, steps: int) -> None:
        self._title = title
        self._steps = steps
        self._done = 0
        self._next_s = time.monotonic() + LINE_EVERY_S

    def __call__(self, note: str) -> None:
        self._done += 1
        if time.monotonic() >= self._next_s or self._done == self._steps:
            self._next_s = time.monotonic() + LINE_EVERY_S
            say(f"{self._title}: {self._done}/{self._steps} {note}")
