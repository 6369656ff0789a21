"""Publishes the committed counts to Redis, in a thread of its own."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from tweets.records import Partition
from worker import time_limits
from worker.counts import CommittedCounts
from worker.errors import TransientError
from worker.process.metrics import Metrics
from worker.redis.publishing_thread import PublishingThread
from worker.redis.store import CountsStore

log = logging.getLogger(__name__)

REFUSALS_BEFORE_ERROR: Final = 3
"""Refusals of a partition in a row before an error is logged; a rebalance causes one or two without a fault."""


class CountsPublisher:
    """Publishes the newest committed counts in a thread, so that a slow or stopped Redis never slows the stream.

    There is no queue: newer counts of a partition replace older ones. All owned counts are published again every
    time_limits.REPUBLISH, whichever partitions have commits, which repairs a Redis that was stopped, wiped or restored
    from a snapshot, or that has lost some of the keys.
    """

    def __init__(self, store: CountsStore, metrics: Metrics, on_death: Callable[[BaseException], None]) -> None:
        self._store = store
        self._metrics = metrics
        self._committed_counts: dict[Partition, CommittedCounts] = {}
        self._unpublished: set[Partition] = set()
        self._refusals_in_a_row: Counter[Partition] = Counter()
        self._failures: set[str] = set()
        self._all_due_s = time.monotonic() + time_limits.REPUBLISH.seconds
        self._thread = PublishingThread("count-publisher", self._publish_once, store=store, on_death=on_death)
        self._changed = self._thread.changed

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def assign(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None:
        """Replace the counts of all partitions: this worker now owns these partitions and no others."""
        with self._changed:
            self._committed_counts = dict(committed_counts)
            self._unpublished = set(committed_counts)
            self._refusals_in_a_row.clear()
            self._changed.notify()

    def publish(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None:
        """Replace the counts of these partitions. Returns at once; the thread publishes the counts."""
        with self._changed:
            self._committed_counts.update(committed_counts)
            self._unpublished.update(committed_counts)
            self._changed.notify()

    def close(self, timeout_s: float) -> None:
        """Publish what is not published yet, wait at most `timeout_s` seconds for Redis, and stop the thread."""
        self._thread.close(timeout_s)

    def _publish_once(self) -> bool:
        """Publish once; return False if this was the last time because the publisher closes."""
        committed_counts, closing = self._wait_for_counts()
        if committed_counts:
            try:
                self._count_outcomes(committed_counts, self._store.publish(committed_counts))
            except TransientError as error:
                self._count_failure(committed_counts, error)
                if not closing:
                    self._thread.pause_after_failure()
        return not closing

    def _wait_for_counts(self) -> tuple[dict[Partition, CommittedCounts], bool]:
        """Wait for new counts, and at most until all owned counts are due; return what to publish, and the end."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._unpublished or self._thread.closing, timeout=max(0.0, self._all_due_s - time.monotonic())
            )
            due, now_s = self._unpublished, time.monotonic()
            if now_s >= self._all_due_s:
                due = set(self._committed_counts)
                self._all_due_s = now_s + time_limits.REPUBLISH.seconds
            self._unpublished = set()
            return {
                partition: self._committed_counts[partition] for partition in due if partition in self._committed_counts
            }, self._thread.closing

    def _count_outcomes(
        self, committed_counts: Mapping[Partition, CommittedCounts], outcomes: Mapping[Partition, str]
    ) -> None:
        if self._failures:
            log.info("Redis answers again: publishing the newest counts of all owned partitions")
            self._failures.clear()
            with self._changed:
                self._unpublished.update(self._committed_counts)
        for partition, outcome in outcomes.items():
            if outcome != "known":
                self._metrics.counts_published.labels(outcome).inc()
            self._report_refusals(partition, committed_counts[partition], outcome)

    def _report_refusals(self, partition: Partition, committed: CommittedCounts, outcome: str) -> None:
        self._refusals_in_a_row[partition] = self._refusals_in_a_row[partition] + 1 if outcome == "stale" else 0
        if self._refusals_in_a_row[partition] == REFUSALS_BEFORE_ERROR:
            log.error(
                "Redis keeps refusing the counts of %s in generation %d as older than the partition's fence in the key "
                "REDIS_KEY_PREFIX:fences; if no other worker owns this partition (was the group deleted?), run: "
                "python -m worker verify --repair",
                partition,
                committed.generation,
            )

    def _count_failure(self, committed_counts: Mapping[Partition, CommittedCounts], error: TransientError) -> None:
        self._metrics.counts_published.labels("failed").inc(len(committed_counts))
        if str(error) not in self._failures:  # each reason once, until Redis answers again
            log.warning("Redis does not accept the counts (%s): classifying continues, publishing is retried", error)
            self._failures.add(str(error))
        with self._changed:
            self._unpublished.update(committed_counts)
