"""What the worker reports about committed batches: metrics, lag, and a log line with totals per interval."""

import logging
import math
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress

from tweets.records import Partition, Record
from worker import time_limits
from worker.counts import CommittedCounts
from worker.labelling import RecordOutcome
from worker.membership import Membership
from worker.process.metrics import Metrics
from worker.process.observations import observe_all

log = logging.getLogger(__name__)


class Accounting:
    """Counts committed results, and shows the lag of each owned partition."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._fetched_any = False
        self._last_assignment: tuple[int, frozenset[Partition]] | None = None
        self._reached_ms: dict[Partition, int] = {}
        """Timestamp of the oldest fetched record that waits, else of the last committed record.

        Without an entry the age of what waits is unknown: after a start, or when records follow a time without lag.
        """
        self._since_report: Counter[str] = Counter()
        self._reported_at_s = time.monotonic()
        self._cut_logged_at_s = -math.inf

    def fetched(self) -> None:
        """Set the time of the first fetch, once."""
        if not self._fetched_any:
            self._metrics.first_fetch.set_to_current_time()
            self._fetched_any = True

    def waiting(self, records: Sequence[Record]) -> None:
        """Take the age of each partition's lag from the first of these fetched records."""
        for record in reversed(records):
            if record.timestamp_ms >= 0:  # -1: the record has no timestamp
                self._reached_ms[record.partition] = record.timestamp_ms

    def committed(self, results: Sequence[RecordOutcome]) -> None:
        """Count the results of a committed transaction."""
        metrics, now_s = self._metrics, time.time()
        metrics.last_commit.set(now_s)
        metrics.transactions.labels("committed").inc()
        metrics.batch_tweets.observe(len(results))
        metrics.consumed.inc(len(results))
        stamped = [result.record for result in results if result.record.timestamp_ms >= 0]
        observe_all(metrics.end_to_end_seconds, [max(0.0, now_s - record.timestamp_ms / 1000) for record in stamped])
        self._reached_ms.update((record.partition, record.timestamp_ms) for record in stamped)
        self._count_labelled([result for result in results if result.emotion is not None])
        for reason, count in Counter(result.reason for result in results if result.emotion is None).items():
            metrics.dead_lettered.labels(reason).inc(count)
            self._since_report["dead-lettered"] += count

    def cut(self, labelled: int, fetched: int, seconds: float) -> None:
        """Log, at most once in REPORT, that a batch is committed in parts because the model is slow."""
        now_s = time.monotonic()
        if now_s - self._cut_logged_at_s >= time_limits.REPORT.seconds:
            self._cut_logged_at_s = now_s
            log.info(
                "committing %d of %d fetched records: labelling took %.1f s (%.1f records/s, limit LABEL_BUDGET %g s); "
                "the others follow",
                labelled,
                fetched,
                seconds,
                labelled / max(seconds, 1e-6),
                time_limits.LABEL_BUDGET.seconds,
            )

    def late(self, count: int) -> None:
        """Count committed tweets that are too old for any minute, hour or day."""
        self._metrics.late_tweets.inc(count)

    def aborted(self) -> None:
        """Count an aborted transaction."""
        self._metrics.transactions.labels("aborted").inc()

    def show_lag(self, lags: Mapping[Partition, int | None]) -> None:
        """Show the lag of each owned partition; None: not known yet, and the metrics keep their values.

        The metric in seconds also keeps its value, or stays without one, until the age of what waits is known.
        """
        for partition, lag in lags.items():
            if lag is None:
                continue
            labels = (partition.topic, str(partition.number))
            self._metrics.consumer_lag.labels(*labels).set(lag)
            if not lag:
                self._reached_ms.pop(partition, None)
                self._metrics.consumer_lag_seconds.labels(*labels).set(0.0)
            elif partition in self._reached_ms:
                behind_s = max(0.0, time.time() - self._reached_ms[partition] / 1000)
                self._metrics.consumer_lag_seconds.labels(*labels).set(behind_s)

    def passed(self) -> None:
        """Count a transaction that committed offsets only, because there was no record before them."""
        self._metrics.last_commit.set_to_current_time()
        self._metrics.transactions.labels("committed").inc()

    def restored_from_checkpoint(self, partitions: Collection[Partition]) -> None:
        """Count partitions whose state came from the checkpoint topic."""
        self._metrics.checkpoint_restores.inc(len(partitions))

    def skipped(self, offsets: Mapping[Partition, int]) -> None:
        """Count a transaction that committed only that these partitions skip so many offsets."""
        self.passed()
        for partition, count in offsets.items():
            self._metrics.records_skipped.labels(partition.topic, str(partition.number)).inc(count)

    def assigned(self, membership: Membership, committed: Mapping[Partition, CommittedCounts]) -> None:
        """Log the owned partitions with their offsets, and count a new generation of the group or a new assignment."""
        assignment = (membership.generation, membership.partitions)
        if assignment != self._last_assignment:
            self._last_assignment = assignment
            self._metrics.rebalances.inc()
        offsets = " ".join(f"{partition}@{counts.offset}" for partition, counts in committed.items())
        log.info("generation %d, %d partitions: %s", membership.generation, len(committed), offsets)

    def revoked(self, partitions: Iterable[Partition]) -> None:
        """Remove the lag of partitions that this worker has lost."""
        for partition in partitions:
            self._reached_ms.pop(partition, None)
            for gauge in (self._metrics.consumer_lag, self._metrics.consumer_lag_seconds):
                with suppress(KeyError):  # no lag was shown for this partition yet
                    gauge.remove(partition.topic, str(partition.number))

    def maybe_report(self) -> None:
        """Log the totals since the last report, at most every time_limits.REPORT and only above zero."""
        elapsed_s = time.monotonic() - self._reported_at_s
        if elapsed_s >= time_limits.REPORT.seconds:
            self._report(elapsed_s)

    def _count_labelled(self, results: Sequence[RecordOutcome]) -> None:
        """Count labelled tweets, each series once for all of them."""
        confidences = defaultdict(list)
        for result in results:
            confidences[result.emotion].append(result.confidence)
        for emotion, values in confidences.items():
            self._metrics.classified.labels(emotion).inc(len(values))
            observe_all(self._metrics.confidence.labels(emotion), values)
        shares = [result.unfamiliar_tokens for result in results if result.unfamiliar_tokens is not None]
        observe_all(self._metrics.unfamiliar_tokens, shares)
        pairs = Counter((result.label, result.emotion) for result in results if result.label is not None)
        for (label, emotion), count in pairs.items():
            self._metrics.confusion.labels(label, emotion).inc(count)
        cells = Counter((subject, result.emotion) for result in results for subject in result.subjects)
        for (subject, emotion), count in cells.items():
            self._metrics.subject_tweets.labels(subject, emotion).inc(count)
        if results:
            self._since_report["classified"] += len(results)

    def _report(self, elapsed_s: float) -> None:
        total = self._since_report.total()
        if total:
            counts = ", ".join(f"{count} {what}" for what, count in self._since_report.items())
            log.info("%s in %.0f s (%.0f/s)", counts, elapsed_s, total / elapsed_s)
        self._since_report.clear()
        self._reported_at_s = time.monotonic()
