"""The settings of minutes, hours and days of event time."""

from typing import Final, Self

from pydantic import model_validator
from pydantic_settings import BaseSettings

from worker.setting_fields import setting
from worker.windows.state import WindowLimits

_DAY_HOURS: Final = 25
"""A minute is kept at least until its day is over, and an hour more."""


class WindowSettings(BaseSettings):
    """When a tweet is late for its minute, and how long minutes are kept."""

    window_late_minutes: int = setting(
        60,
        ge=1,
        le=1_440,
        unit="minutes",
        meaning="A tweet that is older than the newest tweet of its partition by more than this is late: it counts in "
        "the totals and in `emotion_late_tweets_total`, but in no minute, hour or day.",
        change="Raise where tweets arrive in another order than they were written; each open minute costs memory and "
        "records on the checkpoint topic. Set the same value for all workers and `verify`: minutes until the change "
        "may lack tweets.",
    )
    window_keep_hours: int = setting(
        48,
        ge=26,
        le=720,
        unit="hours",
        meaning="Minutes are kept for this long after their end, in Redis and on the checkpoint topic. Hours are kept "
        "for 90 days, days for two years.",
        change="Raise for a longer chart by the minute; each minute costs memory in Redis. Minutes that have expired "
        "before the change stay deleted. Set the same value for all workers and `verify`. At least "
        f"`WINDOW_LATE_MINUTES` and {_DAY_HOURS} hours.",
    )

    def window_limits(self) -> WindowLimits:
        """Return both settings."""
        return WindowLimits(self.window_late_minutes, self.window_keep_hours)

    @model_validator(mode="after")
    def _kept_longer_than_open(self) -> Self:
        least = -(-self.window_late_minutes // 60) + _DAY_HOURS
        if self.window_keep_hours < least:
            raise ValueError(
                f"WINDOW_KEEP_HOURS={self.window_keep_hours}: must be {least} or more with "
                f"WINDOW_LATE_MINUTES={self.window_late_minutes}, so that a minute is kept longer than it is open"
            )
        return self
