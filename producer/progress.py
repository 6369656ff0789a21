"""The progress of a replay on stderr: a bar on a terminal, else a log line every few seconds."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

log = logging.getLogger(__name__)

LOG_INTERVAL_S = 5.0
"""Seconds between two log lines; few enough for a log file."""
DRAW_INTERVAL_S = 0.25
"""Seconds between two drawings of the bar; more would take time from sending."""

Draw = Callable[[int, float], None]
"""A function that draws the number of tweets sent, and the tweets per second."""


class Ticker:
    """Draws at most once in `interval_s`, with the rate since the drawing before."""

    def __init__(self, draw: Draw, *, interval_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._draw = draw
        self._interval_s = interval_s
        self._clock = clock
        self._started_s = self._drawn_s = clock()
        self._drawn_sent = 0

    def show(self, sent: int) -> None:
        """Receive the number of acknowledged tweets; draw if the interval is over."""
        elapsed_s = self._clock() - self._drawn_s
        if elapsed_s >= self._interval_s:
            self._draw(sent, (sent - self._drawn_sent) / elapsed_s)
            self._drawn_s += elapsed_s
            self._drawn_sent = sent

    def finish(self, sent: int) -> None:
        """Draw the final number, with the rate of the whole replay."""
        elapsed_s = self._clock() - self._started_s
        self._draw(sent, sent / elapsed_s if elapsed_s else 0.0)


@contextmanager
def progress(total: int | None, *, terminal: bool) -> Iterator[Ticker]:
    """Yield the bar if stderr is a `terminal`, else log lines; `total` None is an unknown number of tweets."""
    if terminal:
        with _bar(total) as draw:
            yield Ticker(draw, interval_s=DRAW_INTERVAL_S)
    else:
        yield Ticker(_log_line, interval_s=LOG_INTERVAL_S)


def _log_line(sent: int, rate: float) -> None:
    log.info("sent %d tweets, %.0f tweets/s", sent, rate)


@contextmanager
def _bar(total: int | None) -> Iterator[Draw]:
    columns = (
        TextColumn("sending"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:,.0f} tweets/s"),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=Console(stderr=True), auto_refresh=False, redirect_stdout=False) as bar:
        task = bar.add_task("sending", total=total, rate=0.0)

        def draw(sent: int, rate: float) -> None:
            bar.update(task, completed=sent, rate=rate, refresh=True)

        yield draw
