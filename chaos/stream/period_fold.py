"""The counts of minutes, hours and days as a reader of the output topic would count them, without the project's code.

It is written from the documents alone: event time, lateness, tweet topics and the names of the keys in Redis.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

UTC_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
MILLISECOND: Final = timedelta(milliseconds=1)
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
WINDOW_MS: Final = {"minute": MINUTE_MS, "hour": HOUR_MS, "day": DAY_MS}
KEPT_MS: Final = {"minute": 48 * HOUR_MS, "hour": 90 * DAY_MS, "day": 730 * DAY_MS}
LATE_MS: Final = 60 * MINUTE_MS
FUTURE_MS: Final = 5 * MINUTE_MS

ALL: Final = ""
"""Stands for all tweets where a tweet topic may be named."""

Hashes = dict[str, dict[str, int]]
"""Key in Redis without the prefix → emotion → count."""

Minutes = dict[tuple[str, int], Counter[str]]
"""Tweet topic and minute → how many tweets got each emotion."""


def _now_ms() -> float:
    return time.time() * 1000


@dataclass
class PeriodFold:
    """What the records of the output topic add up to, record after record in the order of their partitions."""

    minutes: Minutes = field(default_factory=lambda: defaultdict(Counter))
    newest_ms: dict[int, int] = field(default_factory=dict)
    """Partition → the newest event time so far."""
    late: int = 0
    in_several_subjects: int = 0
    now_ms: Callable[[], float] = _now_ms

    def add(self, partition: int, tweet: Mapping[str, Any], headers: Mapping[str, bytes | None]) -> None:
        """Count a labelled tweet. Raises ValueError or KeyError if it has no usable time."""
        event_ms = event_time_ms(tweet, headers)
        newest_ms = self.newest_ms.get(partition, event_ms)
        if event_ms >= newest_ms:
            self.newest_ms[partition] = event_ms
        elif event_ms < newest_ms - LATE_MS:
            self.late += 1
            return
        minute, emotion = event_ms // MINUTE_MS, tweet["emotion"]
        self.minutes[ALL, minute][emotion] += 1
        if subjects := tweet.get("topics"):
            self.in_several_subjects += len(subjects) > 1
            for name in subjects:
                self.minutes[name, minute][emotion] += 1

    def kept(self) -> Hashes:
        """Return what Redis must have now: everything that has not expired."""
        now_ms = self.now_ms()
        return {key: dict(counts) for (key, ends_ms), counts in self._periods().items() if ends_ms > now_ms}

    def expired(self) -> int:
        """Return how many keys are not kept any more."""
        return len(self._periods()) - len(self.kept())

    def state(self) -> dict[str, Any]:
        """Return the JSON object that `restored` reads."""
        return {
            "minutes": [[subject, minute, dict(counts)] for (subject, minute), counts in self.minutes.items()],
            "newest_ms": list(self.newest_ms.items()),
            "late": self.late,
            "in_several_subjects": self.in_several_subjects,
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> "PeriodFold":
        """Return the fold of an earlier `state`."""
        found = cls(late=state["late"], in_several_subjects=state["in_several_subjects"])
        found.newest_ms = dict(state["newest_ms"])
        for subject, minute, counts in state["minutes"]:
            found.minutes[subject, minute] = Counter(counts)
        return found

    def _periods(self) -> dict[tuple[str, int], Counter[str]]:
        """Return the counts of each key, with the time at which Redis deletes the key."""
        found: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
        for (subject, minute), counts in self.minutes.items():
            for unit, unit_ms in WINDOW_MS.items():
                number = minute * MINUTE_MS // unit_ms
                key = f"topic:{subject}:{unit}:{number}" if subject else f"{unit}:{number}"
                found[key, (number + 1) * unit_ms + KEPT_MS[unit]].update(counts)
        return found


def event_time_ms(tweet: Mapping[str, Any], headers: Mapping[str, bytes | None]) -> int:
    """Return when a tweet was written, else when its input record was, and not later than its prediction."""
    classified_ms = _classified_ms(tweet["classified_at"])
    written = tweet.get("created_at")
    event_ms = unix_ms(written) if written else int(headers["emotion.input.timestamp"] or b"")
    return event_ms if event_ms <= classified_ms + FUTURE_MS else classified_ms


def unix_ms(moment: str) -> int:
    """Return a time in RFC 3339 in Unix milliseconds."""
    return (datetime.fromisoformat(moment) - UTC_EPOCH) // MILLISECOND


@lru_cache(maxsize=256)
def _classified_ms(moment: str) -> int:
    """Return a time that all tweets of a batch share."""
    return unix_ms(moment)


def stored_periods(client: Any, prefix: str) -> Hashes:
    """Return every hash of a minute, hour or day in Redis, without the counts that are zero."""
    keys = [key for name in ("minute", "hour", "day", "topic") for key in client.scan_iter(f"{prefix}:{name}:*", 1000)]
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        pipeline.hgetall(key)
    found = {
        key.removeprefix(f"{prefix}:"): {emotion: int(count) for emotion, count in counts.items() if int(count)}
        for key, counts in zip(keys, pipeline.execute(), strict=True)
    }
    return {key: counts for key, counts in found.items() if counts}
