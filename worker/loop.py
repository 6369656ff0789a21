"""The guarantee: each input record yields exactly one committed labelled tweet or dead letter, and the counts agree.

The loop keeps the guarantee in ten steps. The comments below name the steps by their numbers.

1. Restore. After every change of the group membership, and after every error, read the committed offset of each owned
   partition and the metadata of that offset from Kafka. Seek to the offset, take the running counts from the metadata
   and publish the counts to Redis. If Kafka has deleted records after the offset, commit at once that they are skipped.
   The worker keeps no state across an error.
2. Poll, and read the group membership right after the poll. The records and the membership stay together.
3. Decode each record. A record that is not a valid tweet becomes a dead letter.
4. Classify. A record becomes a dead letter if the model fails on that record alone and still works on known texts.
5. Begin a transaction, and send every result to the partition number of its input record.
6. Wait until every record is acknowledged.
7. Commit the transaction with the next offsets, the new running counts as the metadata of these offsets, and the
   membership of step 2. The broker refuses the commit if that membership has ended.
8. Only after the commit, replace the committed counts, count metrics, and publish the counts to Redis.
9. After a transient error in any step, abort, replace the producer and continue with step 1. A commit that timed out
   may have succeeded: only the broker knows the outcome.
10. After a fatal error, exit. The next owner of the partitions begins with step 1.
"""

import logging
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Protocol

from tweets.records import OutputRecord, Partition, Record
from worker import time_limits
from worker.accounting import Accounting
from worker.batching import Batch
from worker.counts import CommittedCounts, MetadataLimit, RunningCounts
from worker.errors import TransientError
from worker.labelling import Labeller, RecordOutcome
from worker.membership import CommittedOffset, Membership, PolledRecords
from worker.process.metrics import Metrics
from worker.process.stop import StopRequest

log = logging.getLogger(__name__)


class Stream(Protocol):
    """The part of Kafka that the loop uses. Every method raises TransientError or FatalError and nothing else."""

    def poll(self, *, timeout_s: float, max_records: int) -> PolledRecords: ...
    def restore(self, membership: Membership) -> Mapping[Partition, CommittedOffset]: ...
    def publish(self, records: Sequence[OutputRecord]) -> None: ...
    def commit(self, offsets: Mapping[Partition, CommittedOffset], membership: Membership) -> None: ...
    def rollback(self) -> None: ...
    def lag(self, partition: Partition, offset: int) -> int | None: ...


class CountsSink(Protocol):
    """The publisher of the committed counts to Redis. Its methods return at once and raise nothing."""

    def assign(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None: ...
    def publish(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None: ...


class StepLimits(Protocol):
    """The watchdog: `step` ends the process if the block inside takes longer than `limit_s` seconds."""

    def step(self, name: str, limit_s: float) -> AbstractContextManager[None]: ...


class Loop:
    """Steps 1 to 10 in a loop, until the stop flag is set."""

    def __init__(
        self,
        stream: Stream,
        labeller: Labeller,
        publisher: CountsSink,
        *,
        metrics: Metrics,
        watchdog: StepLimits,
        metadata_limit: MetadataLimit | None = None,
        batch_max_tweets: int,
        batch_max_wait_s: float,
    ) -> None:
        self._stream = stream
        self._labeller = labeller
        self._publisher = publisher
        self._metrics = metrics
        self._watchdog = watchdog
        self._metadata_limit = metadata_limit or MetadataLimit()
        self._batch_max_tweets = batch_max_tweets
        self._batch_max_wait_s = batch_max_wait_s
        self._accounting = Accounting(metrics)
        self._membership: Membership | None = None
        self._last_assignment: tuple[int, frozenset[Partition]] | None = None
        self._committed_counts: dict[Partition, CommittedCounts] = {}
        self._read_to: Mapping[Partition, int] = {}
        self._broken = False
        self._errors_in_a_row = 0

    @property
    def ready(self) -> bool:
        """Whether the worker is a group member and has restored every owned partition, which may be none."""
        return self._membership is not None

    def run(self, stop: StopRequest) -> None:
        """Run until `stop` is set, and finish the open batch then. Raises FatalError (step 10)."""
        while not stop.is_set():
            try:
                if self._broken:
                    self._stream.rollback()  # step 9
                    self._broken = False
                with self._watchdog.step("turn", time_limits.TURN.seconds):
                    self._turn()
            except TransientError as error:
                self._broken, self._membership = True, None
                self._errors_in_a_row += 1
                log.warning(
                    "%s; rolling back, then restoring from the committed offsets (attempt %d)",
                    error,
                    self._errors_in_a_row,
                )
                stop.wait(self._pause_s())

    def _turn(self) -> None:
        """Collect and process one batch, or show the lag while there is none."""
        started = time.perf_counter()
        batch = self._collect()
        if batch:
            self._metrics.stage_seconds.labels("wait").observe(time.perf_counter() - started)
            self._process(*batch)
            self._errors_in_a_row = 0
        else:
            self._commit_passed()
            self._show_lag(self._committed_counts)
        self._accounting.maybe_report()

    def _collect(self) -> tuple[list[Record], Membership] | None:
        """Return a batch and the membership of all its records (steps 1 and 2); None without records to process."""
        # Each error in a row halves the batch: a batch that takes longer than MAX_POLL_INTERVAL costs the membership.
        max_tweets = max(1, self._batch_max_tweets >> self._errors_in_a_row)
        batch = Batch(max_tweets, self._batch_max_wait_s, time.monotonic)
        while not batch.closed:
            wait_s = time_limits.IDLE_POLL.seconds if batch.remaining_s is None else batch.remaining_s
            polled = self._stream.poll(timeout_s=wait_s, max_records=batch.room)  # step 2
            if polled.membership != self._membership:
                # The client may have moved its positions. The present owners read the records of this batch again.
                self._restore(polled.membership)
                return None
            self._read_to = polled.read_to
            batch.add(polled.records)
            if not batch.records:
                return None
            self._accounting.fetched()
        return batch.records, polled.membership

    def _restore(self, membership: Membership) -> None:
        """Read offsets and counts from the broker, seek, and publish the counts (step 1)."""
        self._membership, self._read_to = None, {}
        if not membership.joined:
            if self._committed_counts:
                self._replace_committed_counts({})
            return
        offsets = self._stream.restore(membership)
        restored = {p: _committed_counts(p, committed, membership.generation) for p, committed in offsets.items()}
        self._metadata_limit.check(restored)
        self._commit_skipped({p: at.skipped for p, at in offsets.items() if at.skipped}, restored, membership)
        self._replace_committed_counts(restored)
        self._membership = membership
        self._log_assignment(membership)

    def _commit_skipped(
        self, skipped: Mapping[Partition, int], restored: Mapping[Partition, CommittedCounts], membership: Membership
    ) -> None:
        """Commit at once that records were skipped: `verify` reports them, and no later restore counts them again."""
        if skipped:
            self._commit([], {p: restored[p] for p in skipped}, membership)
            self._accounting.skipped(skipped)

    def _replace_committed_counts(self, committed_counts: dict[Partition, CommittedCounts]) -> None:
        self._publisher.assign(committed_counts)
        self._accounting.revoked(set(self._committed_counts) - set(committed_counts))
        self._committed_counts = committed_counts

    def _log_assignment(self, membership: Membership) -> None:
        assignment = (membership.generation, membership.partitions)
        if assignment != self._last_assignment:
            self._last_assignment = assignment
            self._accounting.rebalanced()
        offsets = " ".join(f"{partition}@{committed.offset}" for partition, committed in self._committed_counts.items())
        log.info("generation %d, %d partitions: %s", membership.generation, len(self._committed_counts), offsets)

    def _process(self, records: Sequence[Record], membership: Membership) -> None:
        with self._watchdog.step("label", time_limits.LABEL.seconds):
            results = self._labeller.label(records)  # steps 3 and 4
        committed_counts = self._committed_after(results)
        self._commit([result.output for result in results], committed_counts, membership)
        self._committed_counts |= committed_counts  # step 8
        self._accounting.committed(results)
        self._publisher.publish(committed_counts)
        self._show_lag(committed_counts)

    def _commit_passed(self) -> None:
        """Commit the offsets after transaction markers and aborted records, or they would look like records that wait.

        Other programs, such as the live page and kafka-consumer-groups, compare the committed offsets with the ends.
        """
        passed = self._passed()
        if passed and self._membership is not None:
            self._commit([], passed, self._membership)
            self._committed_counts |= passed
            self._accounting.passed()
            self._publisher.publish(passed)

    def _passed(self) -> dict[Partition, CommittedCounts]:
        """Return the committed counts with the new offset of each partition in which the last poll passed offsets."""
        return {
            partition: replace(self._committed_counts[partition], offset=read_to)
            for partition, read_to in self._read_to.items()
            if read_to > self._committed_counts[partition].offset
        }

    def _commit(
        self,
        records: Sequence[OutputRecord],
        committed_counts: Mapping[Partition, CommittedCounts],
        membership: Membership,
    ) -> None:
        """Publish records, which may be none, and commit offsets and counts, in one transaction."""
        try:
            with self._timed("publish"):
                self._stream.publish(records)  # steps 5 and 6
            with self._timed("commit"):
                self._stream.commit(  # step 7
                    {
                        p: CommittedOffset(committed.offset, committed.counts.to_metadata())
                        for p, committed in committed_counts.items()
                    },
                    membership,
                )
        except TransientError:
            self._accounting.aborted()
            raise

    def _committed_after(self, results: Iterable[RecordOutcome]) -> dict[Partition, CommittedCounts]:
        """Return the offsets and running counts that the commit of these results will give their partitions."""
        offsets: dict[Partition, int] = {}
        emotions: dict[Partition, list[str]] = {}
        for result in results:
            partition = result.record.partition
            offsets[partition] = result.record.offset + 1
            labels = emotions.setdefault(partition, [])
            if result.prediction is not None:
                labels.append(result.prediction.emotion)
        return self._passed() | {
            partition: CommittedCounts(
                self._committed_counts[partition].generation,
                max(offset, self._read_to.get(partition, 0)),
                self._committed_counts[partition].counts.plus(emotions[partition]),
            )
            for partition, offset in offsets.items()
        }

    def _show_lag(self, partitions: Iterable[Partition]) -> None:
        self._accounting.show_lag({p: self._stream.lag(p, self._committed_counts[p].offset) for p in partitions})

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        """Observe the seconds of the block if the block succeeds; a failure mostly measures a time-out."""
        started = time.perf_counter()
        yield
        self._metrics.stage_seconds.labels(stage).observe(time.perf_counter() - started)

    def _pause_s(self) -> float:
        """Return seconds: RETRY_PAUSE doubled per error, at most RETRY_PAUSE_MAX, less a random part up to half.

        The random part keeps several workers from retrying at the same moment.
        """
        doubled_s = time_limits.RETRY_PAUSE.seconds * 2.0 ** min(self._errors_in_a_row - 1, 10)
        longest = min(time_limits.RETRY_PAUSE_MAX.seconds, doubled_s)
        return longest * random.uniform(0.5, 1.0)


def _committed_counts(partition: Partition, committed: CommittedOffset, generation: int) -> CommittedCounts:
    counts = RunningCounts.from_metadata(committed.metadata or "")
    if counts is None and committed.metadata is not None:
        log.error(
            "%s@%d: the committed offset has no readable offset metadata (was it moved by a tool?): "
            "counting this partition from zero",
            partition,
            committed.offset,
        )
    counts = (counts or RunningCounts()).plus_skipped(committed.skipped)
    return CommittedCounts(generation, committed.offset, counts)
