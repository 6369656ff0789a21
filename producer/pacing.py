"""When the next tweet is due: a pure schedule, the clock is passed in."""

MAX_LAG_S = 0.25


class Pacer:
    """Spreads tweets evenly: each is due `1 / rate` seconds after the one before was due; rate 0 never waits.

    Small delays are made up for, so that the average holds. After one of more than `MAX_LAG_S`, such as a
    broker's election, the schedule starts anew: a burst would not be the rate that was asked for.
    """

    def __init__(self, rate: float) -> None:
        self._interval_s = 1 / rate if rate else 0.0
        self._due_s: float | None = None

    def next_due_s(self, now_s: float) -> float:
        """Return the moment at which the next tweet is due, which may have passed, and move on."""
        if self._due_s is None or now_s - self._due_s > MAX_LAG_S or not self._interval_s:
            self._due_s = now_s
        due_s = self._due_s
        self._due_s += self._interval_s
        return due_s
