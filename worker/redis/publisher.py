"""Telling Redis the newest counts, from a thread that never holds up the stream."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from tweets.records import Partition
from worker import time_limits
from worker.counts import CommittedCounts
from worker.errors import TransientError
from worker.process.metrics import Metrics
from worker.redis.store import CountsStore

log = logging.getLogger(__name__)

STALE_ROUNDS_BEFORE_ERROR: Final = 3


class CountsPublisher:
    """Tells Redis the newest claims from a thread of its own, so that a slow or dead Redis never slows the stream.

    There is no queue: a newer committed on a partition replaces an older one, and all are told again every few seconds,
    which is what heals a Redis that was away, wiped or restored.
    """

    def __init__(self, store: CountsStore, metrics: Metrics, on_death: Callable[[BaseException], None]) -> None:
        self._store = store
        self._metrics = metrics
        self._on_death = on_death
        self._committed_counts: dict[Partition, CommittedCounts] = {}
        self._unpublished: set[Partition] = set()
        self._stale_in_a_row: Counter[Partition] = Counter()
        self._failing = False
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="count-publisher", daemon=True)

    def start(self) -> None:
        """Starts telling."""
        self._thread.start()

    def assign(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None:
        """Replaces all claims: these partitions are owned now, and no others."""
        with self._changed:
            self._committed_counts = dict(committed_counts)
            self._unpublished = set(committed_counts)
            self._stale_in_a_row.clear()
            self._changed.notify()

    def publish(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None:
        """Replaces the claims on these partitions. Returns at once."""
        with self._changed:
            self._committed_counts.update(committed_counts)
            self._unpublished.update(committed_counts)
            self._changed.notify()

    def close(self, timeout_s: float) -> None:
        """Tells what is untold, waiting for Redis at most `timeout_s`, and stops."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if not self._thread.is_alive():  # else it is still waiting for Redis, and ends with the process
            self._store.close()

    def _run(self) -> None:
        try:
            while self._publish_once():
                pass
        except BaseException as error:
            self._on_death(error)

    def _publish_once(self) -> bool:
        """One round; False when all is told and the teller is closing."""
        committed_counts, closing = self._wait_for_counts()
        if committed_counts:
            try:
                self._note_outcomes(committed_counts, self._store.publish(committed_counts))
            except TransientError as fault:
                self._note_failure(committed_counts, fault)
                if not closing:
                    with self._changed:
                        self._changed.wait_for(lambda: self._closing, timeout=time_limits.REDIS_RETRY_PAUSE.seconds)
        return not closing

    def _wait_for_counts(self) -> tuple[dict[Partition, CommittedCounts], bool]:
        with self._changed:
            self._changed.wait_for(lambda: self._unpublished or self._closing, timeout=time_limits.REPUBLISH.seconds)
            # Nothing new for a while: say everything again.
            due = self._unpublished or set(self._committed_counts)
            self._unpublished = set()
            return {
                partition: self._committed_counts[partition] for partition in due if partition in self._committed_counts
            }, self._closing

    def _note_outcomes(
        self, committed_counts: Mapping[Partition, CommittedCounts], outcomes: Mapping[Partition, str]
    ) -> None:
        if self._failing:
            log.info("Redis answers again; it is being told the newest counts")
            self._failing = False
            with self._changed:
                self._unpublished.update(self._committed_counts)
        for partition, outcome in outcomes.items():
            if outcome != "known":
                self._metrics.counts_published.labels(outcome).inc()
            self._watch_for_refusals(partition, committed_counts[partition], outcome)

    def _watch_for_refusals(self, partition: Partition, committed: CommittedCounts, outcome: str) -> None:
        self._stale_in_a_row[partition] = self._stale_in_a_row[partition] + 1 if outcome == "stale" else 0
        if self._stale_in_a_row[partition] == STALE_ROUNDS_BEFORE_ERROR:
            log.error(
                "Redis keeps refusing the counts of %s in generation %d as older than what it has; if no newer worker "
                "owns it (the group was made anew, say), run: python -m worker verify --repair",
                partition,
                committed.generation,
            )

    def _note_failure(self, committed_counts: Mapping[Partition, CommittedCounts], fault: TransientError) -> None:
        self._metrics.counts_published.labels("failed").inc(len(committed_counts))
        if not self._failing:
            log.warning("Redis does not take the counts (%s); the stream goes on and they catch up", fault)
            self._failing = True
        with self._changed:
            self._unpublished.update(committed_counts)
