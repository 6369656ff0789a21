"""The promise: each input record yields exactly one committed labelled tweet or dead letter, and the counts agree.

How it is kept, step by step; the code below bears the numbers.

1. Restore. On every change of membership, and after every error, ask the broker for each owned partition's committed
   position and its note, go there, take the running counts from the note and tell Redis. Nothing that a worker
   remembers outlives an error.
2. Poll, and read the membership at once; both travel together from here on.
3. Decode each record. What is no tweet becomes a dead letter.
4. Classify. What the model fails on, alone and while a probe works, becomes a dead letter.
5. Open a transaction and send every result to the partition number of its input.
6. Wait until every single record is acknowledged.
7. Commit the transaction with the next positions, and the new running counts as their notes, in the name of the
   membership of step 2. The broker refuses it if that membership has passed.
8. Only now the new counts are ours: adopt them, count metrics, tell Redis.
9. On a passing fault anywhere: abort, replace the producer, go to step 1. A commit that timed out may have happened;
   the broker knows.
10. On a fatal fault: leave. Whoever owns the partitions next starts at step 1.
"""

import logging
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from tweets.records import OutputRecord, Partition, Record
from worker import time_limits
from worker.accounting import Accounting
from worker.batching import Batch
from worker.counts import CommittedCounts, RunningCounts
from worker.errors import TransientError
from worker.labelling import Labeller, RecordOutcome
from worker.membership import CommittedOffset, Membership, PolledRecords
from worker.process.metrics import Metrics
from worker.process.stop import StopRequest

log = logging.getLogger(__name__)


class Stream(Protocol):
    """What the loop needs of Kafka. Every method raises TransientError or FatalError and nothing else."""

    def poll(self, *, timeout_s: float, max_records: int) -> PolledRecords: ...
    def restore(self, membership: Membership) -> Mapping[Partition, CommittedOffset]: ...
    def publish(self, outgoing: Sequence[OutputRecord]) -> None: ...
    def commit(self, positions: Mapping[Partition, CommittedOffset], membership: Membership) -> None: ...
    def rollback(self) -> None: ...
    def lag(self, partition: Partition, offset: int) -> int | None: ...


class CountsSink(Protocol):
    """What the loop needs of Redis: somebody who passes on the newest claims. Never blocks, never raises."""

    def assign(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None: ...
    def publish(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None: ...


class StepLimits(Protocol):
    """Gives a step a time limit."""

    def step(self, name: str, limit_s: float) -> AbstractContextManager[None]: ...


class Loop:
    """Steps 1 to 10, again and again until told to stop."""

    def __init__(
        self,
        stream: Stream,
        labeller: Labeller,
        publisher: CountsSink,
        *,
        metrics: Metrics,
        watchdog: StepLimits,
        batch_max_tweets: int,
        batch_max_wait_s: float,
    ) -> None:
        self._stream = stream
        self._labeller = labeller
        self._publisher = publisher
        self._metrics = metrics
        self._watchdog = watchdog
        self._batch_max_tweets = batch_max_tweets
        self._batch_max_wait_s = batch_max_wait_s
        self._accounting = Accounting(metrics)
        self._membership: Membership | None = None
        self._last_right: tuple[int, frozenset[Partition]] | None = None
        self._committed_counts: dict[Partition, CommittedCounts] = {}
        self._broken = False
        self._faults_in_a_row = 0

    @property
    def ready(self) -> bool:
        """Whether the group is joined and every owned partition restored; owning none is fine."""
        return self._membership is not None

    def run(self, stop: StopRequest) -> None:
        """Runs until `stop` is set; a batch that is open then is finished. Raises FatalError (step 10)."""
        while not stop.is_set():
            try:
                if self._broken:
                    self._stream.rollback()  # step 9
                    self._broken = False
                with self._watchdog.step("turn", time_limits.TURN.seconds):
                    self._turn()
            except TransientError as fault:
                self._broken, self._membership = True, None
                self._faults_in_a_row += 1
                log.warning("%s; rolling back and restoring (attempt %d)", fault, self._faults_in_a_row)
                stop.wait(self._pause_s())

    def _turn(self) -> None:
        started = time.perf_counter()
        batch = self._collect()
        if batch:
            self._metrics.stage_seconds.labels("wait").observe(time.perf_counter() - started)
            self._process(*batch)
            self._faults_in_a_row = 0
        else:
            self._show_lag(self._committed_counts)
        self._accounting.maybe_report()

    def _collect(self) -> tuple[list[Record], Membership] | None:
        """Steps 1 and 2: a batch, and the ownership that holds for all of it."""
        # What failed may have been too much at once: a batch that takes longer than the group waits for us, say.
        max_tweets = max(1, self._batch_max_tweets >> self._faults_in_a_row)
        batch = Batch(max_tweets, self._batch_max_wait_s, time.monotonic)
        while not batch.closed:
            wait_s = time_limits.IDLE_POLL.seconds if batch.remaining_s is None else batch.remaining_s
            fetched = self._stream.poll(timeout_s=wait_s, max_records=batch.room)  # step 2
            if fetched.membership != self._membership:
                # Positions have moved underneath. What was fetched so far is fetched again, by whoever owns it now.
                self._restore(fetched.membership)
                return None
            batch.add(fetched.records)
            if not batch.records:
                return None
            self._accounting.fetched()
        return batch.records, fetched.membership

    def _restore(self, membership: Membership) -> None:
        """Step 1."""
        self._membership = None
        if not membership.joined:
            if self._committed_counts:
                self._adopt({})
            return
        positions = self._stream.restore(membership)
        self._adopt({p: _committed(p, position, membership.generation) for p, position in positions.items()})
        self._membership = membership
        self._note(membership)

    def _adopt(self, committed_counts: dict[Partition, CommittedCounts]) -> None:
        self._publisher.assign(committed_counts)
        self._accounting.revoked(set(self._committed_counts) - set(committed_counts))
        self._committed_counts = committed_counts

    def _note(self, membership: Membership) -> None:
        right = (membership.generation, membership.partitions)
        if right != self._last_right:
            self._last_right = right
            self._accounting.rebalanced()
        where = " ".join(f"{partition}@{committed.offset}" for partition, committed in self._committed_counts.items())
        log.info("generation %d, %d partitions: %s", membership.generation, len(self._committed_counts), where)

    def _process(self, records: Sequence[Record], membership: Membership) -> None:
        with self._watchdog.step("label", time_limits.LABEL.seconds):
            results = self._labeller.label(records)  # steps 3 and 4
        committed_counts = self._committed_after(results)
        try:
            with self._timed("publish"):
                self._stream.publish([result.output for result in results])  # steps 5 and 6
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
        self._committed_counts |= committed_counts  # step 8
        self._accounting.committed(results)
        self._publisher.publish(committed_counts)
        self._show_lag(committed_counts)

    def _committed_after(self, results: Iterable[RecordOutcome]) -> dict[Partition, CommittedCounts]:
        """What will hold for the partitions of these results once they are committed."""
        offsets: dict[Partition, int] = {}
        emotions: dict[Partition, list[str]] = {}
        for result in results:
            partition = result.record.partition
            offsets[partition] = result.record.offset + 1
            labels = emotions.setdefault(partition, [])
            if result.prediction is not None:
                labels.append(result.prediction.emotion)
        return {
            partition: CommittedCounts(
                self._committed_counts[partition].generation,
                offset,
                self._committed_counts[partition].counts.plus(emotions[partition]),
            )
            for partition, offset in offsets.items()
        }

    def _show_lag(self, partitions: Iterable[Partition]) -> None:
        self._accounting.show_lag({p: self._stream.lag(p, self._committed_counts[p].offset) for p in partitions})

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        """Observes the block's time if it succeeds; a failure tells how long it waited, not how long a stage takes."""
        started = time.perf_counter()
        yield
        self._metrics.stage_seconds.labels(stage).observe(time.perf_counter() - started)

    def _pause_s(self) -> float:
        """Doubles from RETRY_PAUSE to RETRY_PAUSE_MAX, less up to half at random so that workers spread."""
        doubled_s = time_limits.RETRY_PAUSE.seconds * 2.0 ** min(self._faults_in_a_row - 1, 10)
        longest = min(time_limits.RETRY_PAUSE_MAX.seconds, doubled_s)
        return longest * random.uniform(0.5, 1.0)


def _committed(partition: Partition, position: CommittedOffset, generation: int) -> CommittedCounts:
    counts = RunningCounts.from_metadata(position.metadata or "")
    if counts is None and position.metadata is not None:
        log.error(
            "%s@%d: the committed offset has lost its note (a tool moved it?): this partition's counts start anew",
            partition,
            position.offset,
        )
    return CommittedCounts(generation, position.offset, counts or RunningCounts())
