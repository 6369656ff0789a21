"""A publisher of periods with a store in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import pytest

from tests.worker.windows_in_memory import DEADLINE_S, ClosedInKafka, WindowsInMemory
from tweets.periods import Cells, Period
from tweets.records import Partition
from worker.process.metrics import Metrics
from worker.redis.window_store import WindowStore
from worker.redis.windows_publisher import WindowsPublisher
from worker.time_limits import TimeLimit
from worker.windows.state import WindowUpdate

P0, P1 = Partition("tweets", 0), Partition("tweets", 1)
M1, M2, M3 = Period("minute", 1000), Period("minute", 1001), Period("minute", 1002)
OLD, OLD_HOUR = Period("minute", 500), Period("hour", 8)
LATE_MS = 60 * 60_000


def cells(joy: int) -> Cells:
    return {("", "joy"): joy, ("brand-x", "joy"): 1}


def update(offset: int, generation: int = 5, **periods: int) -> WindowUpdate:
    """Return an update of the minutes m1, m2, m3."""
    named = {"m1": M1, "m2": M2, "m3": M3}
    return WindowUpdate(generation, offset, {named[name]: cells(joy) for name, joy in periods.items()})


class Publishing:
    def __init__(self) -> None:
        self.store = WindowsInMemory()
        self.closed = ClosedInKafka()
        self.metrics = Metrics()
        self.deaths: list[BaseException] = []
        self.publisher = WindowsPublisher(
            cast(WindowStore, self.store),
            self.metrics,
            self.deaths.append,
            read_closed=self.closed,
            late_ms=LATE_MS,
        )

    def wait_for_marker(self, marker: str, partition: Partition = P0) -> None:
        self.store.wait(lambda: self.store.markers.get(partition) == marker)

    def joys(self, period: Period, partition: Partition = P0) -> str | None:
        return self.store.counts(period, partition)

    def published(self, outcome: str) -> float:
        return self.metrics.registry.get_sample_value("emotion_windows_published_total", {"outcome": outcome}) or 0.0


@contextmanager
def running_publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publishing]:
    """Run a publisher that works without pauses and must not die."""
    for name in ("REDIS_RETRY_PAUSE", "WINDOWS_PUSH", "REPUBLISH"):
        monkeypatch.setattr(f"worker.time_limits.{name}", TimeLimit(0.002, "short"))
    publishing = Publishing()
    publishing.publisher.start()
    yield publishing
    publishing.store.free.set()
    publishing.store.error = None
    publishing.publisher.close(DEADLINE_S)
    assert publishing.deaths == []
