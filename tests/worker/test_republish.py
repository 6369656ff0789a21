"""Every owned partition is published at least every REPUBLISH, whichever partitions have commits."""

import threading
import time
from collections.abc import Mapping
from typing import cast

import pytest

from tweets.records import Partition
from worker.counts import CommittedCounts, RunningCounts
from worker.process.metrics import Metrics
from worker.redis.publisher import CountsPublisher
from worker.redis.store import CountsStore
from worker.time_limits import TimeLimit

BUSY, IDLE, ALSO_IDLE = (Partition("tweets", number) for number in range(3))
REPUBLISH_S = 0.2
RUN_S = 2.0


class PublishTimes:
    """Keeps when each partition was published."""

    def __init__(self) -> None:
        self.published: dict[Partition, list[float]] = {BUSY: [], IDLE: [], ALSO_IDLE: []}

    def publish(self, committed_counts: Mapping[Partition, CommittedCounts]) -> dict[Partition, str]:
        for partition in committed_counts:
            self.published[partition].append(time.monotonic())
        return dict.fromkeys(committed_counts, "applied")

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("busy", [0, 1, 2])
def test_idle_partitions_are_published_in_time_while_others_are_busy(
    monkeypatch: pytest.MonkeyPatch, busy: int
) -> None:
    monkeypatch.setattr("worker.time_limits.REPUBLISH", TimeLimit(REPUBLISH_S, "soon"))
    store = PublishTimes()
    deaths: list[BaseException] = []
    publisher = CountsPublisher(cast(CountsStore, store), Metrics(), deaths.append)
    publisher.start()
    publisher.assign({p: CommittedCounts(1, 1, RunningCounts({"joy": 1})) for p in (BUSY, IDLE, ALSO_IDLE)})
    pause, end_s, offset = threading.Event(), time.monotonic() + RUN_S, 1
    while time.monotonic() < end_s:
        offset += 1
        publisher.publish({p: CommittedCounts(1, offset, RunningCounts({"joy": offset})) for p in (BUSY, IDLE)[:busy]})
        pause.wait(0.01)
    publisher.close(5)
    assert deaths == []
    for partition, times in store.published.items():
        assert len(times) >= RUN_S / REPUBLISH_S / 2, (partition, len(times))
