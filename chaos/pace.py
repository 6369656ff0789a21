"""How many records may be fed: evenly over the faults, and no more than the verifier can keep in mind."""

from collections.abc import Callable
from typing import Final

LEAD: Final = 40_000
"""Records that are fed and not verified yet, at most."""

_ENOUGH_FAULTS: Final = 5
"""From so many finished faults on, their mean time replaces the gap of the schedule."""


class Pace:
    """The load never ends before the last fault has ended, and then the rest follows as fast as possible."""

    def __init__(self, records: int, faults: int, gap_s: float, clock: Callable[[], float]) -> None:
        self._records = records
        self._faults = faults
        self._gap_s = gap_s
        self._clock = clock
        self._last_s: float | None = None
        self._allowed = 0.0

    def allowed(self, *, verified: int, finished: int) -> int:
        """Return how many records may have been fed by now, after so many verified records and finished faults."""
        now_s = self._clock()
        self._last_s, last_s = now_s, now_s if self._last_s is None else self._last_s
        self._allowed = max(self._allowed, verified)
        if finished >= self._faults:
            self._allowed = self._records
        else:
            gap_s = now_s / finished if finished >= _ENOUGH_FAULTS else self._gap_s
            left_s = max(1.0, gap_s * (self._faults - finished))
            self._allowed += (self._records - self._allowed) * min(1.0, (now_s - last_s) / left_s)
        return min(int(self._allowed), verified + LEAD, self._records)
