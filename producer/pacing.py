"""When the next tweet is due: a pure schedule; the caller passes the time."""

MAX_LAG_S = 0.25
"""Longest delay that the schedule makes up for: at most a quarter of a second of tweets is sent at once."""


class Pacer:
    """Spreads tweets evenly: each tweet is due `1 / rate` seconds after the tweet before was due.

    The rate is in tweets per second; rate 0 never waits. The schedule makes up for small delays, so that the average
    is the rate. After a delay of more than MAX_LAG_S, such as the election of a leader, the schedule restarts at the
    present: a burst would exceed the rate.
    """

    def __init__(self, rate: float) -> None:
        self._interval_s = 1 / rate if rate else 0.0
        self._due_s: float | None = None

    def next_due_s(self, now_s: float) -> float:
        """Return when the next tweet is due, which may be in the past, and advance the schedule by one tweet."""
        if self._due_s is None or now_s - self._due_s > MAX_LAG_S or not self._interval_s:
            self._due_s = now_s
        due_s = self._due_s
        self._due_s += self._interval_s
        return due_s
