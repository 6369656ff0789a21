"""Minutes, hours and days of event time in UTC, and the fold that counts labelled tweets in them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, get_args

Unit = Literal["minute", "hour", "day"]

UNITS: Final[tuple[Unit, ...]] = get_args(Unit)

PERIOD_MS: Final[dict[Unit, int]] = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
"""Milliseconds of a period of each unit."""

ALL: Final = ""
"""The subject of every tweet, whatever its tweet topics."""

Cell = tuple[str, str]
"""A subject, which is ALL or the name of a tweet topic, and an emotion."""

Cells = dict[Cell, int]
"""How many tweets a period has in each cell; no cell has zero."""


class Period(NamedTuple):
    """A minute, hour or day; `number` counts periods of the unit since 1970-01-01T00:00:00Z."""

    unit: Unit
    number: int

    @classmethod
    def of(cls, unit: Unit, event_ms: int) -> "Period":
        """Return the period that contains a moment, in Unix milliseconds."""
        return cls(unit, event_ms // PERIOD_MS[unit])

    @property
    def start_ms(self) -> int:
        """The first millisecond of the period."""
        return self.number * PERIOD_MS[self.unit]

    @property
    def end_ms(self) -> int:
        """The first millisecond after the period."""
        return (self.number + 1) * PERIOD_MS[self.unit]

    def within(self, unit: Unit) -> "Period":
        """Return the period of a longer or the same unit that contains this one."""
        return Period.of(unit, self.start_ms)


class CountedTweet(NamedTuple):
    """What the fold needs of a labelled tweet."""

    event_ms: int
    emotion: str
    subjects: tuple[str, ...]


@dataclass(slots=True)
class WindowTally:
    """The minutes of one partition, tweet after tweet in the order of the partition.

    A tweet is late if its event time is more than `late_ms` before the newest event time so far; a late tweet counts in
    no minute. A minute in which no later tweet can count any more is closed.
    """

    late_ms: int
    newest_ms: int | None = None
    """The newest event time so far; None before the first tweet."""
    minutes: dict[int, Cells] = field(default_factory=dict)
    """Number of the minute → its cells."""

    def add(self, tweets: Iterable[CountedTweet]) -> tuple[set[int], int]:
        """Count the tweets; return the minutes that have changed, and how many tweets were late."""
        newest_ms, late = self.newest_ms, 0
        found: Counter[tuple[int, str, str]] = Counter()
        for event_ms, emotion, subjects in tweets:
            if newest_ms is None or event_ms > newest_ms:
                newest_ms = event_ms
            elif event_ms < newest_ms - self.late_ms:
                late += 1
                continue
            minute = event_ms // PERIOD_MS["minute"]
            found[minute, ALL, emotion] += 1
            for subject in subjects:
                found[minute, subject, emotion] += 1
        self.newest_ms = newest_ms
        for (minute, subject, emotion), count in found.items():
            cells = self.minutes.setdefault(minute, {})
            cells[subject, emotion] = cells.get((subject, emotion), 0) + count
        return {minute for minute, _, _ in found}, late

    def is_closed(self, period: Period) -> bool:
        """Return whether no later tweet can count in the period."""
        return self.newest_ms is not None and period.end_ms <= self.newest_ms - self.late_ms
