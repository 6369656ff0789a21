"""The minutes, hours and days of one input partition, as the partition's next owner needs them. Pure and immutable.

The state after a commit is a new object, which shares what the batch has not changed: a transaction that fails leaves
the committed windows as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tweets.periods import PERIOD_MS, Cells, Period, Unit
from worker.counts import LARGEST_COUNT
from worker.windows.closed_periods import ClosedPeriods
from worker.windows.records import WindowSummary, name

LONGER_UNITS: Final[tuple[Unit, ...]] = ("hour", "day")
"""The units that minutes are summed up to."""

SETTLED_MINUTES: Final = 6
"""Minutes after which no tweet that was classified before can have its event time: `FUTURE_MAX_MS`, rounded up."""

DAY_KEPT_HOURS: Final = 2 * 365 * 24
HOUR_KEPT_HOURS: Final = 90 * 24


@dataclass(frozen=True, slots=True)
class WindowLimits:
    """When a tweet is late, and how long after its end a period is kept, by the clock of the machine."""

    late_minutes: int = 60
    minute_kept_hours: int = 48

    @property
    def late_ms(self) -> int:
        """A tweet is late that is older than the newest of its partition by more than this."""
        return self.late_minutes * PERIOD_MS["minute"]

    def expires_ms(self, period: Period) -> int:
        """Return the Unix millisecond from which on the period is not kept any more."""
        kept: dict[Unit, int] = {"minute": self.minute_kept_hours, "hour": HOUR_KEPT_HOURS, "day": DAY_KEPT_HOURS}
        return period.end_ms + kept[period.unit] * PERIOD_MS["hour"]

    def first_minute(self, now_s: float) -> int:
        """Return the first minute that is kept for a minute or more."""
        return int(now_s) // 60 - self.minute_kept_hours * 60 + 1


@dataclass(frozen=True, slots=True)
class WindowUpdate:
    """What Redis gets of a partition after a commit: the absolute counts of the periods that changed.

    `generation` and `offset` are those of the commit. The counts are of this partition alone.
    `complete_since` is 0 if `periods` has every closed period, above `offset` where Redis needs all closed ones again,
    and None after a commit or where it is not known.
    """

    generation: int
    offset: int
    periods: Mapping[Period, Cells]
    complete_since: int | None = None
    """After a restore: every period that closed since the commit of this offset is among `periods`."""


@dataclass(frozen=True, slots=True)
class PartitionWindows:
    """The windows of a partition as of a commit.

    `minutes` are the open minutes. `parts` are the open hours and days of which minutes have closed, with the sum of
    these minutes; `totals` are all open hours and days, with the sum of all their minutes. `closed` are the closed
    periods that are kept: only their records on the checkpoint topic have their counts, except for those that closed
    lately, which are in `closed_lately` after a restore. `written` has the names of the records that a restore needs,
    those that were written longest ago first. Minutes before `complete_from` may lack tweets, and minutes before
    `minutes_from` may be deleted: they have expired with an earlier, smaller WINDOW_KEEP_HOURS.
    """

    limits: WindowLimits = field(default_factory=WindowLimits)
    newest_ms: int | None = None
    complete_from: int = 0
    minutes: Mapping[int, Cells] = field(default_factory=dict)
    parts: Mapping[Period, Cells] = field(default_factory=dict)
    totals: Mapping[Period, Cells] = field(default_factory=dict)
    closed: ClosedPeriods = field(default_factory=ClosedPeriods)
    written: tuple[str, ...] = ()
    reopened_ms: int | None = None
    """Before this moment all minutes were closed already with an earlier, smaller WINDOW_LATE_MINUTES."""
    closed_lately: Mapping[Period, Cells] = field(default_factory=dict)
    complete_since: int | None = field(default=None, compare=False)
    """After a restore, the offset of a commit: what has closed since then is in `closed_lately`."""
    minutes_from: int = 0

    @classmethod
    def restored(
        cls,
        summary: WindowSummary,
        cells: Mapping[str, Cells],
        closed: ClosedPeriods,
        *,
        written: Sequence[str],
        complete_since: int | None = None,
    ) -> "PartitionWindows":
        """Return the windows of a summary and of the records that it names; other `cells` closed lately.

        `written` has the names of these records in the order of the checkpoint topic.
        """
        minutes = {number: cells[name(Period("minute", number))] for number in summary.minutes}
        parts = {period: cells[name(period)] for period in summary.parts}
        needed = summary.names()
        return cls(
            WindowLimits(summary.late_minutes, summary.kept_hours),
            summary.newest_ms,
            summary.complete_from,
            minutes,
            parts,
            _totals(minutes, parts),
            closed,
            tuple(each for each in written if each in needed),
            summary.reopened_ms,
            {period: cells[name(period)] for period in closed if name(period) in cells},
            complete_since,
            summary.minutes_from,
        )

    def summary(self) -> WindowSummary:
        """Return the part of the partition's state that names the records with the rest."""
        return WindowSummary(
            self.limits.late_minutes,
            self.limits.minute_kept_hours,
            self.newest_ms,
            self.complete_from,
            tuple(sorted(self.minutes)),
            tuple(sorted(self.parts)),
            len(self.closed),
            self.reopened_ms,
            self.minutes_from,
        )

    def current(self, now_s: float) -> dict[Period, Cells]:
        """Return the counts of all open periods, and of those that closed lately, unless they have expired."""
        minutes = {Period("minute", number): cells for number, cells in self.minutes.items()}
        found = {**self.closed_lately, **minutes, **self.totals}
        return {period: cells for period, cells in found.items() if self.limits.expires_ms(period) > now_s * 1000}

    def forgotten(self) -> dict[str, bytes | None]:
        """Return the records that delete every record of these windows."""
        return dict.fromkeys([*map(name, self.closed), *self.summary().names()])

    def incomplete_since(self, now_s: float, limits: WindowLimits) -> "PartitionWindows":
        """Return windows that continue with these counts, and are complete only from the next full minutes on.

        What was closed stays closed, also with a larger WINDOW_LATE_MINUTES.
        """
        reopened_ms = self.reopened_ms
        if self.newest_ms is not None and limits.late_ms > self.limits.late_ms:
            reopened_ms = max(self.newest_ms - self.limits.late_ms, reopened_ms or 0)
        limits = replace(self.limits, late_minutes=limits.late_minutes)
        return replace(self, limits=limits, complete_from=complete_from(now_s), reopened_ms=reopened_ms)

    def kept_for(self, hours: int, now_s: float) -> "PartitionWindows":
        """Return windows whose minutes are kept for so long, unless they have expired before.

        Minutes that are kept longer are published again, for Redis to keep them longer too.
        """
        windows = replace(self, limits=replace(self.limits, minute_kept_hours=hours))
        if hours < self.limits.minute_kept_hours:
            return windows
        first = max(self.minutes_from, self.limits.first_minute(now_s))
        return replace(windows, minutes_from=first, complete_since=LARGEST_COUNT)


def complete_from(now_s: float) -> int:
    """Return the first minute that windows which begin now have completely."""
    return int(now_s) // 60 + SETTLED_MINUTES


def _totals(minutes: Mapping[int, Cells], parts: Mapping[Period, Cells]) -> dict[Period, Cells]:
    totals: dict[Period, Cells] = {period: dict(cells) for period, cells in parts.items()}
    for number, cells in minutes.items():
        for unit in LONGER_UNITS:
            add_cells(totals.setdefault(Period("minute", number).within(unit), {}), cells)
    return totals


def add_cells(to: Cells, cells: Mapping[tuple[str, str], int]) -> None:
    """Add the counts to those of `to`."""
    for cell, count in cells.items():
        to[cell] = to.get(cell, 0) + count
