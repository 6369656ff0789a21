"""The counts of minutes, hours and days that a commit has changed, and how long periods are kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tweets.periods import PERIOD_MS, Cells, Period, Unit

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


@dataclass(frozen=True, slots=True)
class WindowUpdate:
    """What Redis gets of a partition after a commit: the absolute counts of the periods that changed.

    `generation` and `offset` are those of the commit. The counts are of this partition alone.
    """

    generation: int
    offset: int
    periods: Mapping[Period, Cells]
