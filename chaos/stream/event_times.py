"""When the tweets of a run were written: mostly one after the other, some out of order, a few too late to count."""

import time
from dataclasses import dataclass, field
from typing import Final

from tweets.timestamps import rfc3339_ms

HOUR_MS: Final = 3_600_000

SHUFFLED_MS: Final = 50 * 60_000
"""Tweets out of order are older than their neighbours by up to this, and still count in their minute."""


def some_hours_ago() -> int:
    """Return the time of the first tweet of a run that begins now, in Unix milliseconds."""
    return time.time_ns() // 1_000_000 - 12 * HOUR_MS


@dataclass(frozen=True, slots=True)
class EventTimes:
    """The field `created_at`. The tweets of every third partition have none: the time of their record counts.

    A tweet follows the one before it by `step_ms`, so that minutes and hours close within a short run.
    """

    start_ms: int = field(default_factory=some_hours_ago)
    step_ms: int = 200

    def created_at(self, partition: int, number: int) -> str | None:
        """Return the time in RFC 3339."""
        if partition % 3 == 0:
            return None
        at_ms = self.start_ms + number * self.step_ms
        if number % 97 == 13:
            at_ms -= number * 7_919 % SHUFFLED_MS
        elif number % 499 == 7:
            at_ms -= (2 + number % 7) * HOUR_MS
        return rfc3339_ms(at_ms)
