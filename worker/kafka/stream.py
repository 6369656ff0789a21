"""The loop's view of Kafka: consumer and producer, with the watchdog's limits and translated errors."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from kafka.errors import ProducerFencedError

from tweets.records import OutputRecord, Partition
from worker import checkpoint, time_limits
from worker.counts import CommittedCounts
from worker.errors import ExitCode, FatalError, RefusedRecordsError, TransientError
from worker.kafka.checkpoints import read_checkpoints_with_windows
from worker.kafka.consumer import TweetConsumer
from worker.kafka.errors import translated
from worker.kafka.producer import ResultProducer
from worker.membership import CommittedOffset, Membership, PolledRecords, StoredState
from worker.partition_state import PartitionState
from worker.process.watchdog import Watchdog
from worker.settings import Settings


def transactional_id(settings: Settings) -> str:
    """Return `group:WORKER_ID`, or without WORKER_ID `group::` and a random part; no other worker has the same id.

    A worker with the same id in another group would fence this worker's producer every few seconds. The settings refuse
    a colon in both names, so that the first colon of an id always ends the name of the group.
    """
    if settings.worker_id is None:
        return f"{settings.kafka_group_id}::{uuid.uuid4().hex}"
    return f"{settings.kafka_group_id}:{settings.worker_id}"


class KafkaStream:
    """Consumes, publishes and commits. Every method raises TransientError or FatalError and nothing else.

    After a TransientError the caller must first call `rollback`, then `restore`.
    """

    def __init__(self, settings: Settings, *, max_record_bytes: int, watchdog: Watchdog) -> None:
        self._settings = settings
        self._max_record_bytes = max_record_bytes
        self._watchdog = watchdog
        # The transactional id stays the same in this process: a new producer aborts the old one's open transaction.
        self._transactional_id = transactional_id(settings)
        self._producer: ResultProducer | None = None
        self._producer_fenced = False
        self._single_records = False
        self._topic_id = ""
        self._producer_is_slow = False  # it sends one record per request, which the next batch does not need
        with self._translating():
            self._consumer = TweetConsumer(settings)
        try:
            self.rollback()
        except BaseException:
            self.close()
            raise

    def poll(self, *, timeout_s: float, max_records: int) -> PolledRecords:
        """Return records, waiting at most `timeout_s` seconds, and the membership right after the poll."""
        with self._translating(), self._watchdog.step("poll", time_limits.POLL.seconds):
            polled = self._consumer.poll(timeout_s=timeout_s, max_records=max_records)
            if self._topic_id and self._consumer.topic_id() not in ("", self._topic_id):
                self._topic_id = ""  # the restore that follows decides, and needs a poll before
                raise TransientError(f"topic {self._settings.kafka_input_topic} was deleted and created again")
            return polled

    def restore(self, membership: Membership) -> dict[Partition, StoredState]:
        """Read what Kafka holds of each owned partition; the caller decides where to continue, and calls `seek`."""
        with self._translating():
            with self._watchdog.step("restore", time_limits.RESTORE.seconds):
                self._check_outputs(membership)
                stored = self._consumer.stored(sorted(membership.partitions))
                self._topic_id = self._consumer.topic_id()
            with self._watchdog.step("read checkpoints", time_limits.READ_CHECKPOINTS.seconds):
                return self._with_checkpoints(stored)

    def seek(self, offsets: Mapping[Partition, int]) -> None:
        """Read each of these owned partitions from its offset on."""
        with self._translating():
            for partition, offset in offsets.items():
                self._consumer.seek(partition, offset)

    def publish(self, records: Sequence[OutputRecord], states: Mapping[Partition, PartitionState]) -> None:
        """Begin a transaction, send all records and wait until every record is acknowledged.

        `states` is what the commit of this transaction will commit: the second copy of position and counts, and what
        has changed of the windows, go to the checkpoint topic.

        Raises RefusedRecordsError, after which a rollback and another publish of the same batch is right: nothing was
        committed. If the refusals are not exact, the next producer sends one record per request.
        """
        if self._producer_is_slow:
            self.rollback()
        producer = self._live_producer()
        settings = self._settings
        copies = [
            record
            for partition, state in states.items()
            for record in checkpoint.encode_state(
                settings.kafka_checkpoint_topic, settings.kafka_group_id, partition, state
            )
        ]
        with self._translating():
            with self._watchdog.step("begin", time_limits.COMMIT.seconds):
                producer.begin()
            with self._watchdog.step("publish", time_limits.ACKNOWLEDGE.seconds):
                try:
                    producer.send([*records, *copies])
                except RefusedRecordsError as refused:
                    self._single_records = not refused.exact
                    self._require_checkpoints(refused, len(records))
                    raise

    def commit(self, offsets: Mapping[Partition, CommittedOffset], membership: Membership) -> None:
        """Commit the open transaction together with the input offsets and their metadata.

        The broker refuses the commit if `membership` is not of the group's present generation.
        """
        if not membership.joined:
            raise TransientError("the worker is not in the group any more: the batch is not committed")
        producer = self._live_producer()
        with self._translating(), self._watchdog.step("commit", time_limits.COMMIT.seconds):
            producer.commit(offsets, membership)
        self._producer_is_slow, self._single_records = self._single_records, False

    def rollback(self) -> None:
        """Abort an open transaction and replace the producer.

        A producer that failed once may send its old offsets and records in the next transaction.
        """
        if self._producer_fenced:
            self._check_for_duplicate_worker_id()
        old, self._producer, self._producer_is_slow = self._producer, None, False
        if old is not None:
            with self._watchdog.step("abort", time_limits.COMMIT.seconds):
                old.abort()
            old.discard()
        with self._translating(), self._watchdog.step("init transactions", time_limits.INIT_TRANSACTIONS.seconds):
            self._producer = ResultProducer(
                self._settings,
                transactional_id=self._transactional_id,
                max_record_bytes=self._max_record_bytes,
                single_records=self._single_records,
            )

    def lag(self, partition: Partition, offset: int) -> int | None:
        """Return the committed input records from `offset` on, at the last fetch; None before the first fetch."""
        return self._consumer.lag(partition, offset)

    def silent_s(self) -> float:
        """Return the seconds since a broker last answered the consumer. May be called in any thread."""
        return self._consumer.silent_s()

    def close(self) -> None:
        """Leave the group and close both clients. Raises nothing."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.close()
        self._consumer.close()

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except (TransientError, FatalError):
            raise
        except Exception as error:
            fenced = self._producer is not None and self._producer.fenced
            self._producer_fenced = fenced or isinstance(error, ProducerFencedError)
            raise translated(error, self._settings.kafka_bootstrap_servers) from error

    def _live_producer(self) -> ResultProducer:
        if self._producer is None:
            raise TransientError("no Kafka producer: the last rollback did not succeed")
        return self._producer

    def _check_outputs(self, membership: Membership) -> None:
        """Raise FatalError if a topic lacks the partition number of an owned input partition."""
        needed = 1 + max((partition.number for partition in membership.partitions), default=-1)
        for topic in self._settings.written_topics() if needed else ():
            found = self._live_producer().partitions(topic)
            if found < needed:
                raise FatalError(
                    f"topic {topic} has {found} partitions and needs {needed}, as many as "
                    f"{self._settings.kafka_input_topic}: run python -m worker create-topics",
                    ExitCode.TOPICS,
                )

    def _with_checkpoints(self, stored: Mapping[Partition, StoredState]) -> dict[Partition, StoredState]:
        """Return the states with what the checkpoint topic has; where something is missing, with the output's end."""

        def is_newest(partition: Partition, state: CommittedCounts | None) -> bool:
            at = stored[partition].committed
            return at is not None and state is not None and (state.offset, state.counts) == (at.offset, at.counts)

        found = read_checkpoints_with_windows(self._settings, stored, is_newest)
        numbers = [p.number for p in stored if p not in found or found[p].windows is None]
        ends = self._consumer.ends(self._settings.kafka_output_topic, numbers)
        return {
            partition: replace(
                state,
                checkpoint=found[partition].state if partition in found else None,
                windows=found[partition].windows if partition in found else None,
                windows_commit=found[partition].windows_commit if partition in found else None,
                output_end=ends.get(partition.number, 0),
            )
            for partition, state in stored.items()
        }

    def _require_checkpoints(self, refused: RefusedRecordsError, records: int) -> None:
        """Raise FatalError if Kafka refuses a record for the checkpoint topic, which no dead letter can replace."""
        reasons = [reason for index, reason in refused.refusals.items() if index >= records]
        if refused.exact and reasons:
            raise FatalError(
                f"Kafka refuses a record for topic {self._settings.kafka_checkpoint_topic}: {reasons[0]}",
                ExitCode.TOPICS,
            )

    def _check_for_duplicate_worker_id(self) -> None:
        """Raise FatalError if another worker has the same WORKER_ID.

        A producer is fenced by a newer producer with the same transactional id, or after its own transaction timed out.
        A new producer here would fence the other worker in turn. Another worker with the same WORKER_ID also replaces
        this group member, and the next heartbeat reports that.
        """
        self._producer_fenced = False
        if self._settings.worker_id is not None:
            with self._translating(), self._watchdog.step("wait for a heartbeat", time_limits.POLL.seconds):
                self._consumer.check_fenced_after_heartbeat()
