"""The guarantee: each input record yields exactly one committed labelled tweet or dead letter, and the counts agree.

The loop keeps the guarantee in ten steps. The comments below name the steps by their numbers.

1. Restore. After every change of the group membership, and after every error, read the committed offset of each owned
   partition and the metadata of that offset from Kafka, and the windows from the checkpoint topic. Seek to the offset,
   take the running counts from the metadata and publish counts and windows to Redis. Where the offset or its metadata
   is missing, take the second copy of both from the checkpoint topic. The worker keeps no state across an error.
2. Poll, and read the group membership right after the poll. The records and the membership stay together.
3. Decode each record. A record that is not a valid tweet becomes a dead letter.
4. Classify. A record becomes a dead letter if the model fails on that record alone and still works on known texts.
   If the share of dead letters reaches DEAD_LETTER_MAX_SHARE, exit before anything of the batch is sent (step 10).
5. Begin a transaction, and send every result to the partition number of its input record, and the new position and
   counts of each partition to the checkpoint topic, with the minutes, hours and days that have changed.
6. Wait until every record is acknowledged. If Kafka refuses a labelled tweet for good, abort, replace the producer and
   publish the same batch again with a dead letter in place of that tweet.
7. Commit the transaction with the next offsets, the new running counts as the metadata of these offsets, and the
   membership of step 2. The broker refuses the commit if that membership has ended.
8. Only after the commit, replace the committed counts and windows, count metrics, and publish both to Redis.
9. After a transient error in any step, abort, replace the producer and continue with step 1. A commit that timed out
   may have succeeded: only the broker knows the outcome.
10. After a fatal error, exit. The next owner of the partitions begins with step 1.
"""

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from tweets.records import Partition, Record
from worker import time_limits
from worker.accounting import Accounting
from worker.batching import Batch
from worker.counts import CommittedCounts
from worker.dead_letter_share import DeadLetterShare
from worker.errors import RefusedRecordsError, TransientError
from worker.interfaces import CountsSink, NoWindows, StepLimits, Stream, WindowsSink
from worker.labelling import Labeller, RecordOutcome
from worker.membership import Membership
from worker.next_commit import states_after, states_with_passed_offsets
from worker.pace import BatchLimit, LabellingPace, cost_bytes
from worker.partition_state import PartitionState, assigned_of, counts_of, offsets_of, updates_of, windows_of
from worker.process.metrics import Metrics
from worker.process.stop import StopRequest
from worker.restoring import Restorer
from worker.retry_pause import retry_pause_s
from worker.windows.state import PartitionWindows

log = logging.getLogger(__name__)


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
        restorer: Restorer | None = None,
        windows_sink: WindowsSink | None = None,
        dead_letter_share: DeadLetterShare | None = None,
        batch_max_tweets: int,
        batch_max_wait_s: float,
    ) -> None:
        self._stream = stream
        self._labeller = labeller
        self._publisher = publisher
        self._metrics = metrics
        self._watchdog = watchdog
        self._restorer = restorer or Restorer()
        self._windows_sink = windows_sink or NoWindows()
        self._dead_letter_share = dead_letter_share or DeadLetterShare()
        self._batch_max_wait_s = batch_max_wait_s
        self._accounting = Accounting(metrics)
        self._membership: Membership | None = None
        self._committed_counts: dict[Partition, CommittedCounts] = {}
        self._committed_windows: dict[Partition, PartitionWindows] = {}
        self._read_to: Mapping[Partition, int] = {}
        """Next offsets to read, as far as every record before them is committed or in the batch."""
        self._fetched: Sequence[Record] = ()
        """Records of the current membership that are fetched and not yet labelled: the rest of a slow batch."""
        self._polled_at_s = time.monotonic()
        self._pace = LabellingPace()
        self._batch_limit = BatchLimit(batch_max_tweets)
        self._stop: StopRequest = threading.Event()  # run replaces it
        self._broken = False
        self._errors_in_a_row = 0

    @property
    def ready(self) -> bool:
        """Whether the worker is a group member and has restored every owned partition, which may be none."""
        return self._membership is not None

    def run(self, stop: StopRequest) -> None:
        """Run until `stop` is set, and commit what is labelled of the open batch then. Raises FatalError (step 10)."""
        self._stop = stop
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
                self._batch_limit.failed()
                log.warning(
                    "%s; rolling back, then restoring from the committed offsets (attempt %d)",
                    error,
                    self._errors_in_a_row,
                )
                stop.wait(retry_pause_s(self._errors_in_a_row))

    def _turn(self) -> None:
        """Collect and process one batch, or show the lag while there is none."""
        self._labeller.reread_subjects()
        started = time.perf_counter()
        batch = self._collect()
        if batch:
            self._metrics.stage_seconds.labels("wait").observe(time.perf_counter() - started)
            self._accounting.waiting(batch[0])
            self._show_lag({record.partition for record in batch[0]})
            self._batch_limit.begun(len(batch[0]))
            self._process(*batch)
            self._errors_in_a_row = 0
            self._batch_limit.succeeded()
        else:
            self._commit_passed_offsets()
            self._show_lag(self._committed_counts)
        self._accounting.maybe_report()

    def _collect(self) -> tuple[list[Record], Membership] | None:
        """Return a batch and the membership of all its records (steps 1 and 2); None without records to process."""
        max_tweets = min(self._batch_limit.records, self._pace.batch_records)
        batch = Batch(max_tweets, 0.0 if self._fetched else self._batch_max_wait_s, time.monotonic, self._polled_at_s)
        batch.add(self._fetched)
        self._fetched = ()
        while True:  # at least one poll: each poll keeps the membership
            wait_s = time_limits.IDLE_POLL.seconds if batch.remaining_s is None else batch.remaining_s
            polled = self._stream.poll(timeout_s=wait_s, max_records=max(1, batch.room))  # step 2
            self._polled_at_s = time.monotonic()
            if polled.membership != self._membership:
                # The client may have moved its positions. The present owners read the records of this batch again.
                self._restore(polled.membership)
                return None
            self._read_to = polled.read_to
            batch.add(polled.records)
            if not batch.records:
                return None
            self._accounting.fetched()
            if batch.closed:
                return batch.records, polled.membership

    def _restore(self, membership: Membership) -> None:
        """Read offsets and counts from the broker, seek, and publish the counts (step 1).

        A state that is not the committed one is committed at once: no later restore finds it missing or skips again,
        and `verify` reports the skipped records.
        """
        self._membership, self._read_to = None, {}
        if not membership.joined:
            if self._committed_counts:
                self._replace_committed({})
            return
        restored = self._restorer.restore(self._stream.restore(membership), membership.generation)
        self._stream.seek({partition: at.offset for partition, at in restored.committed_counts.items()})
        if restored.uncommitted:
            self._commit_without_records(restored.uncommitted_states(), membership)
            self._accounting.skipped(restored.skipped)
            self._accounting.restored_from_checkpoint(restored.from_checkpoint)
        self._replace_committed(restored.states())
        self._membership = membership
        self._accounting.assigned(membership, self._committed_counts)

    def _replace_committed(self, states: Mapping[Partition, PartitionState]) -> None:
        self._accounting.revoked(set(self._committed_counts) - set(states))
        self._committed_counts, self._committed_windows = counts_of(states), windows_of(states)
        self._publisher.assign(counts_of(states))
        self._windows_sink.assign(assigned_of(states))

    def _process(self, records: Sequence[Record], membership: Membership) -> None:
        results = self._label(records)  # steps 3 and 4
        self._fetched = records[len(results) :]
        if self._fetched:
            self._read_to = {}  # these offsets are after records that are not labelled yet
        with self._counting_aborts():
            results, states = self._publish(results)  # steps 5 and 6
            self._commit(states, membership)  # step 7
        self._accounting.committed(results)  # step 8
        self._dead_letter_share.committed(results)
        self._adopt(states)
        self._show_lag(states)

    def _commit_passed_offsets(self) -> None:
        """Commit the offsets after transaction markers and aborted records, or they would look like records that wait.

        Other programs, such as the live page and kafka-consumer-groups, compare the committed offsets with the ends.
        """
        passed = states_with_passed_offsets(self._committed_counts, self._committed_windows, self._read_to)
        if passed and self._membership is not None:
            self._commit_without_records(passed, self._membership)
            self._accounting.passed()
            self._adopt(passed)

    def _commit_without_records(self, states: Mapping[Partition, PartitionState], membership: Membership) -> None:
        with self._counting_aborts():
            with self._timed("publish"):
                self._stream.publish([], states)
            self._commit(states, membership)

    def _commit(self, states: Mapping[Partition, PartitionState], membership: Membership) -> None:
        """Commit the open transaction with the offsets and their metadata (step 7)."""
        with self._timed("commit"):
            self._stream.commit(offsets_of(states), membership)

    def _adopt(self, states: Mapping[Partition, PartitionState]) -> None:
        """Replace what was committed before, and hand it to Redis (step 8)."""
        self._committed_counts |= counts_of(states)
        self._committed_windows |= windows_of(states)
        self._accounting.late(sum(state.late for state in states.values()))
        self._publisher.publish(counts_of(states))
        self._windows_sink.publish(updates_of(states))

    @contextmanager
    def _counting_aborts(self) -> Iterator[None]:
        try:
            yield
        except TransientError:
            self._accounting.aborted()
            raise

    def _label(self, records: Sequence[Record]) -> list[RecordOutcome]:
        """Label records in order, slice by slice; return fewer results after LABEL_BUDGET or a stop request.

        A slow model must not cost the membership, which needs a poll within MAX_POLL_INTERVAL, or delay the stop.
        """
        results: list[RecordOutcome] = []
        costs = list(map(cost_bytes, records))
        started_s = time.monotonic()
        while len(results) < len(records):
            first = len(results)
            end = first + self._pace.next_slice(costs[first:])
            slice_started_s, computed_before = time.monotonic(), self._labeller.computed_texts
            with self._watchdog.step("label", time_limits.LABEL.seconds):
                results += self._labeller.label(records[first:end])
            now_s = time.monotonic()
            computed = self._labeller.computed_texts - computed_before
            self._pace.measured(costs[first:end], now_s - slice_started_s, computed=computed)
            if self._stop.is_set() or now_s - started_s >= time_limits.LABEL_BUDGET.seconds:
                break
        if len(results) < len(records):
            self._accounting.cut(len(results), len(records), time.monotonic() - started_s)
        return results

    def _publish(self, results: list[RecordOutcome]) -> tuple[list[RecordOutcome], dict[Partition, PartitionState]]:
        """Publish every result with the states to commit; return both as they were published.

        Each record that Kafka refuses for good has a dead letter among the returned results.
        A refusal comes before the commit, so nothing of the transaction is committed and the same batch is published
        again, without a restore. Each attempt replaces at least one labelled tweet by a dead letter, or makes the
        refusals exact. Raises FatalError if the dead letters reach DEAD_LETTER_MAX_SHARE.
        """
        while True:
            self._dead_letter_share.check(results)  # each refusal adds a dead letter
            states = self._committed_after(results)
            try:
                with self._timed("publish"):
                    self._stream.publish([result.output for result in results], states)
                return results, states
            except RefusedRecordsError as refused:
                self._accounting.aborted()
                if refused.exact:
                    results = self._labeller.refuse(results, refused.refusals)
                self._stream.rollback()

    def _committed_after(self, results: Iterable[RecordOutcome]) -> dict[Partition, PartitionState]:
        """Return what the commit of these results will give their partitions."""
        committed = self._committed_counts, self._committed_windows
        return states_after(results, *committed, self._read_to, now_s=time.time())

    def _show_lag(self, partitions: Iterable[Partition]) -> None:
        self._accounting.show_lag({p: self._stream.lag(p, self._committed_counts[p].offset) for p in partitions})

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        """Observe the seconds of the block if the block succeeds; a failure mostly measures a time-out."""
        started = time.perf_counter()
        yield
        self._metrics.stage_seconds.labels(stage).observe(time.perf_counter() - started)
