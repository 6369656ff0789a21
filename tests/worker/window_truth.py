"""What partitions have counted in periods, and what Redis must have of it."""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from tweets.periods import ALL, Cells, Period
from tweets.records import Partition
from worker.redis.contributions import Contribution, Fence
from worker.redis.prefixed import PrefixedClient
from worker.redis.window_store import WindowStore
from worker.windows.state import WindowLimits

PREFIX = "{p}"
P0, P1, P2 = (Partition("tweets", number) for number in range(3))
Truth = dict[Partition, dict[Period, Cells]]


def store_of(url: str, *, group: str = "g") -> WindowStore:
    return WindowStore(PrefixedClient(url, prefix=PREFIX), group=group, limits=WindowLimits())


def this(unit: str = "minute", back: int = 0) -> Period:
    """Return the present minute, hour or day, or one before it."""
    period = Period.of(unit, int(time.time() * 1000))  # type: ignore[arg-type]
    return Period(period.unit, period.number - back)


def contribution(offset: int, generation: int = 1, **counts: int) -> Contribution:
    """Return a contribution; `joy=3` counts for all tweets, `x__joy=3` for the tweet topic x."""
    cells = {}
    for name, count in counts.items():
        subject, _, emotion = name.rpartition("__")
        cells[subject, emotion] = count
    return Contribution.of(Fence(generation, offset), cells)


def sums(truth: Truth) -> dict[str, dict[str, str]]:
    """Return key → hash of all periods in a correct Redis, without the contributions."""
    found: dict[str, Counter[str]] = {}
    for periods in truth.values():
        for period, cells in periods.items():
            for (subject, emotion), count in cells.items():
                name = f"topic:{subject}:" if subject != ALL else ""
                key = f"{name}{period.unit}:{period.number}"
                found.setdefault(key, Counter())[emotion] += count
    return {key: {emotion: str(count) for emotion, count in counts.items()} for key, counts in found.items()}


def stored_sums(redis: Any) -> dict[str, Mapping[str, str]]:
    """Return the same of a real Redis; every key must expire."""
    found = {}
    for key in redis.keys(f"{PREFIX}:*"):
        name = key.removeprefix(f"{PREFIX}:")
        if name.startswith(("minute:", "hour:", "day:", "topic:")):
            found[name] = redis.hgetall(key)
        if name.startswith(("minute:", "hour:", "day:", "topic:", "windows:minute:", "windows:hour:", "windows:day:")):
            assert redis.ttl(key) > 0, name
    return found


def wipe(redis: Any) -> None:
    """Delete all keys under the prefix."""
    if keys := redis.keys(f"{PREFIX}:*"):
        redis.delete(*keys)


def fences(redis: Any, period: Period) -> dict[str, str]:
    """Return the fence of each contribution to a period."""
    stored = redis.hgetall(f"{PREFIX}:windows:{period.unit}:{period.number}")
    return {field: value.split(" ")[0] for field, value in stored.items()}
