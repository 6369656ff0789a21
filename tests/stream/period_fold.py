"""The counts of minutes, hours and days as a reader of the output topic would count them, without the project's code.

It is written from the documents alone: event time, lateness, tweet topics and the names of the keys in Redis.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.servers import Message

UTC_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
MILLISECOND = timedelta(milliseconds=1)
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
WINDOW_MS = {"minute": MINUTE_MS, "hour": HOUR_MS, "day": DAY_MS}
KEPT_MS = {"minute": 48 * HOUR_MS, "hour": 90 * DAY_MS, "day": 730 * DAY_MS}
LATE_MS = 60 * MINUTE_MS
FUTURE_MS = 5 * MINUTE_MS

Hashes = dict[str, dict[str, int]]
"""Key in Redis without the prefix → emotion → count."""


@dataclass
class PeriodFold:
    """What all records of the output topic add up to."""

    counts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Key in Redis without the prefix → how many tweets got each emotion."""
    ends_ms: dict[str, int] = field(default_factory=dict)
    """The key → when Redis deletes the key."""
    late: int = 0
    in_several_subjects: int = 0

    def kept(self) -> Hashes:
        """Return what Redis must have now: everything that has not expired."""
        now_ms = time.time() * 1000
        return {key: dict(counts) for key, counts in self.counts.items() if self.ends_ms[key] > now_ms}

    def expired(self) -> int:
        """Return how many keys are not kept any more."""
        return len(self.counts) - len(self.kept())


def fold_periods(output: Iterable[Message]) -> PeriodFold:
    """Count the records of the output topic, each partition in its own order."""
    found = PeriodFold()
    newest: dict[int, int] = {}
    for record in sorted(output, key=lambda record: (record.partition or 0, record.offset or 0)):
        tweet = json.loads(record.value or b"")
        event_ms, partition = event_time_ms(tweet, dict(record.headers)), record.partition or 0
        newest[partition] = max(event_ms, newest.get(partition, event_ms))
        if event_ms < newest[partition] - LATE_MS:
            found.late += 1
            continue
        subjects = tweet.get("topics", [])
        found.in_several_subjects += len(subjects) > 1
        for unit, unit_ms in WINDOW_MS.items():
            number = event_ms // unit_ms
            for key in (f"{unit}:{number}", *(f"topic:{name}:{unit}:{number}" for name in subjects)):
                found.counts[key][tweet["emotion"]] += 1
                found.ends_ms[key] = (number + 1) * unit_ms + KEPT_MS[unit]
    return found


def event_time_ms(tweet: dict[str, Any], headers: dict[str, bytes | None]) -> int:
    """Return when a tweet was written, else when its input record was, and not later than its prediction."""
    classified_ms = unix_ms(tweet["classified_at"])
    written = tweet.get("created_at")
    event_ms = unix_ms(written) if written else int(headers["emotion.input.timestamp"] or b"")
    return event_ms if event_ms <= classified_ms + FUTURE_MS else classified_ms


def unix_ms(moment: str) -> int:
    """Return a time in RFC 3339 in Unix milliseconds."""
    return (datetime.fromisoformat(moment) - UTC_EPOCH) // MILLISECOND


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
