"""The stream in Kafka as the loop sees it: both ends, with time limits, and errors sorted into their lanes."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from kafka.errors import ProducerFencedError

from tweets.records import OutputRecord, Partition
from worker import time_limits
from worker.errors import ExitCode, FatalError, TransientError
from worker.kafka.consumer import TweetConsumer
from worker.kafka.errors import translated
from worker.kafka.producer import ResultProducer
from worker.membership import CommittedOffset, Membership, PolledRecords
from worker.process.watchdog import Watchdog
from worker.settings import Settings


class KafkaStream:
    """Consumes, publishes and commits. Every method raises TransientError or FatalError and nothing else.

    After a TransientError the caller must call `rollback` before anything else, and `restore` before it goes on.
    """

    def __init__(self, settings: Settings, *, max_record_bytes: int, watchdog: Watchdog) -> None:
        self._settings = settings
        self._max_record_bytes = max_record_bytes
        self._watchdog = watchdog
        # One transactional id for the life of the process: a new producer then aborts what the old one left open.
        self._transactional_id = f"{settings.kafka_group_id}-{settings.worker_id or uuid.uuid4().hex}"
        self._producer: ResultProducer | None = None
        self._producer_fenced = False
        with self._translating():
            self._consumer = TweetConsumer(settings)
        try:
            self.rollback()
        except BaseException:
            self.close()
            raise

    def poll(self, *, timeout_s: float, max_records: int) -> PolledRecords:
        """Waits for records at most `timeout_s`; with them comes the ownership that held right after."""
        with self._translating(), self._watchdog.step("poll", time_limits.POLL.seconds):
            return self._consumer.poll(timeout_s=timeout_s, max_records=max_records)

    def restore(self, membership: Membership) -> dict[Partition, CommittedOffset]:
        """Asks the broker where each owned partition stands and goes there; to its beginning if it never committed."""
        with self._translating(), self._watchdog.step("restore", time_limits.RESTORE.seconds):
            self._check_outputs(membership)
            positions = {partition: self._consumer.position(partition) for partition in sorted(membership.partitions)}
            for partition, position in positions.items():
                self._consumer.seek(partition, position.offset)
        return positions

    def publish(self, outgoing: Sequence[OutputRecord]) -> None:
        """Opens a transaction, sends all records and waits until each of them is acknowledged."""
        producer = self._live_producer()
        with self._translating():
            with self._watchdog.step("begin", time_limits.COMMIT.seconds):
                producer.begin()
            with self._watchdog.step("publish", time_limits.ACKNOWLEDGE.seconds):
                producer.send(outgoing)

    def commit(self, positions: Mapping[Partition, CommittedOffset], membership: Membership) -> None:
        """Commits the open transaction together with the input positions and their notes.

        The broker refuses it if `ownership` is not the group's present generation.
        """
        if not membership.joined:
            raise TransientError("not in the group any more")
        producer = self._live_producer()
        with self._translating(), self._watchdog.step("commit", time_limits.COMMIT.seconds):
            producer.commit(positions, membership)

    def rollback(self) -> None:
        """Aborts what is open and replaces the producer.

        A producer that failed once may carry its old offsets and records into the next transaction.
        """
        if self._producer_fenced:
            self._check_for_duplicate_worker_id()
        old, self._producer = self._producer, None
        if old is not None:
            with self._watchdog.step("abort", time_limits.COMMIT.seconds):
                old.abort()
            old.discard()
        with self._translating(), self._watchdog.step("init transactions", time_limits.INIT_TRANSACTIONS.seconds):
            self._producer = ResultProducer(
                self._settings, transactional_id=self._transactional_id, max_record_bytes=self._max_record_bytes
            )

    def lag(self, partition: Partition, offset: int) -> int | None:
        """Records from `offset` to the partition's end as of the last fetch; None before the first."""
        return self._consumer.lag(partition, offset)

    def close(self) -> None:
        """Leaves the group and closes both clients. Raises nothing."""
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
            # The client wraps it in errors of other classes.
            self._producer_fenced = ProducerFencedError.__name__ in f"{type(error).__name__} {error}"
            raise translated(error, self._settings.kafka_bootstrap_servers) from error

    def _live_producer(self) -> ResultProducer:
        if self._producer is None:
            raise TransientError("the last rollback did not succeed")
        return self._producer

    def _check_outputs(self, membership: Membership) -> None:
        """An output topic with fewer partitions than the input has nowhere to put some of the results."""
        needed = 1 + max((partition.number for partition in membership.partitions), default=-1)
        topics = (self._settings.kafka_output_topic, self._settings.kafka_dead_letter_topic) if needed else ()
        for topic in topics:
            found = self._live_producer().partitions(topic)
            if found < needed:
                raise FatalError(
                    f"topic {topic} has {found} partitions and needs {needed}, as many as "
                    f"{self._settings.kafka_input_topic}: run python -m worker create-topics",
                    ExitCode.TOPICS,
                )

    def _check_for_duplicate_worker_id(self) -> None:
        """A producer is fenced by a rival with the same WORKER_ID, or by its own transaction that ran too long.

        A new producer would fence the rival in its turn. But a rival takes our place in the group too, which is fatal.
        """
        self._producer_fenced = False
        if self._settings.worker_id is not None:
            with self._translating(), self._watchdog.step("wait for a heartbeat", time_limits.POLL.seconds):
                self._consumer.check_fenced_after_heartbeat()
