"""Recounts minutes, hours and days of partitions of the output topic, with the fold that the worker uses."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from tweets.event_time import FUTURE_MAX_MS
from tweets.periods import PERIOD_MS, Cells, CountedTweet, Period, WindowTally
from worker.windows.cells_json import pack, unpack
from worker.windows.state import LONGER_UNITS, WindowLimits, add_cells


@dataclass(slots=True)
class _Fold:
    """One partition. `closed` has the counts of closed periods, `parts` the closed minutes of open hours and days."""

    tally: WindowTally
    closed: dict[Period, bytes] = field(default_factory=dict)
    parts: dict[Period, Cells] = field(default_factory=dict)
    complete_from: float = 0
    """Tweets of earlier minutes may have been deleted from the output topic; infinite until a record is left."""


class WindowRecount:
    """The recount of every partition, tweet after tweet in the order of the partition.

    A closed period is held in compressed form, and not at all if it is not kept any more.
    """

    def __init__(self, limits: WindowLimits, *, now_ms: int) -> None:
        """`now_ms`: periods that have expired by then are left out."""
        self.limits = limits
        self._now_ms = now_ms
        self._folds: dict[int, _Fold] = {}

    def add(self, number: int, tweets: Iterable[CountedTweet]) -> None:
        """Count the next tweets of a partition."""
        fold = self._fold(number)
        changed, _ = fold.tally.add(tweets)
        if changed:
            self._close(fold)

    def deleted(self, number: int) -> None:
        """Note that records of the partition which were not read have been deleted."""
        self._fold(number).complete_from = math.inf

    def begins(self, number: int, classified_at_ms: int) -> None:
        """Note the first record after deleted ones: a deleted tweet's time is at most FUTURE_MAX_MS after it."""
        self._fold(number).complete_from = (classified_at_ms + FUTURE_MAX_MS) // PERIOD_MS["minute"] + 1

    def complete_from(self, number: int) -> float:
        """Return the first Unix minute of which no tweet of the partition is missing; infinite if there is none."""
        return self._fold(number).complete_from

    def cells(self, number: int, period: Period) -> Cells:
        """Return the counts of a partition in a period."""
        fold = self._fold(number)
        if (packed := fold.closed.get(period)) is not None:
            return unpack(packed)
        if period.unit == "minute":
            return fold.tally.minutes.get(period.number, {})
        found = dict(fold.parts.get(period, {}))
        for minute, cells in fold.tally.minutes.items():
            if Period("minute", minute).within(period.unit) == period:
                add_cells(found, cells)
        return found

    def _fold(self, number: int) -> _Fold:
        if number not in self._folds:
            self._folds[number] = _Fold(WindowTally(self.limits.late_ms))
        return self._folds[number]

    def _close(self, fold: _Fold) -> None:
        """Move what has closed out of the open minutes, hours and days."""
        for minute in [each for each in fold.tally.minutes if fold.tally.is_closed(Period("minute", each))]:
            period, cells = Period("minute", minute), fold.tally.minutes.pop(minute)
            self._keep(fold, period, cells)
            for unit in LONGER_UNITS:
                add_cells(fold.parts.setdefault(period.within(unit), {}), cells)
        for period in [each for each in fold.parts if fold.tally.is_closed(each)]:
            self._keep(fold, period, fold.parts.pop(period))

    def _keep(self, fold: _Fold, period: Period, cells: Cells) -> None:
        if self.limits.expires_ms(period) > self._now_ms:
            fold.closed[period] = pack(cells)
