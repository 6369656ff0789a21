"""The two ends of the stream in Kafka: the consumer of tweets and the transactional producer of results."""

import logging
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from kafka import KafkaConsumer, KafkaProducer, TopicPartition, errors
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.structs import MemberState, OffsetAndMetadata

from worker.errors import ExitCode, Fatal, PassingFault
from worker.kafka_client import CLOSE_TIMEOUT_MS, NETWORK, RepairedClient, discard, translated
from worker.messages import Outgoing, Partition, Record
from worker.positions import Fetched, Ownership, Position
from worker.settings import Settings
from worker.watchdog import Watchdog

log = logging.getLogger(__name__)

MAX_POLL_INTERVAL_MS: Final = 30_000
HEARTBEATS_PER_SESSION: Final = 5
HEARTBEAT_MARGIN_S: Final = 0.5
BATCH_BYTES: Final = 262_144
ASK_TIMEOUT_MS: Final = 5_000

POLL_LIMIT_S: Final = 60.0
RESTORE_LIMIT_S: Final = 40.0
INIT_LIMIT_S: Final = 40.0
ACKNOWLEDGE_LIMIT_S: Final = 25.0
FLUSH_TIMEOUT_S: Final = 20.0
COMMIT_LIMIT_S: Final = 20.0


class KafkaStream:
    """Consumes, publishes and commits. Every method raises PassingFault or Fatal and nothing else.

    After a PassingFault the caller must call `rollback` before anything else, and `restore` before it goes on.
    """

    def __init__(self, settings: Settings, *, max_record_bytes: int, watchdog: Watchdog) -> None:
        self._settings = settings
        self._max_record_bytes = max_record_bytes
        self._watchdog = watchdog
        # One transactional id for the life of the process: a new producer then aborts what the old one left open.
        self._transactional_id = f"{settings.kafka_group_id}-{settings.worker_id or uuid.uuid4().hex}"
        self._outputs = (settings.kafka_output_topic, settings.kafka_dead_letter_topic)
        self._producer_fenced = False
        self._in_transaction = False
        self._suspect: tuple[TopicPartition, int | None] | None = None
        self._producer: KafkaProducer | None = None
        with self._translating():
            self._consumer = self._new_consumer()
        try:
            self.rollback()
        except BaseException:
            self.close()
            raise

    def poll(self, *, timeout_s: float, max_records: int) -> Fetched:
        """Waits for records at most `timeout_s`. The ownership is read at once: metadata fetched later may belong to
        another generation than the records.
        """
        with self._translating(), self._watchdog.step("poll", POLL_LIMIT_S):
            try:
                polled = self._consumer.poll(timeout_ms=timeout_s * 1000, max_records=max_records)
            except Exception as error:
                polled = {}
                unreadable = self._skip_unreadable(error)
            else:
                unreadable = []
            self._check_not_usurped()
            member = self._consumer.group_metadata()
            owned = frozenset(_ours(partition) for partition in self._consumer.assignment())
        records = [_record(fetched) for batch in polled.values() for fetched in batch]
        return Fetched(records + unreadable, Ownership(owned, int(member.generation_id), member.member_id, member))

    def restore(self, ownership: Ownership) -> dict[Partition, Position]:
        """Asks the broker where each owned partition stands and seeks there; to its beginning if it never committed."""
        with self._translating(), self._watchdog.step("restore", RESTORE_LIMIT_S):
            self._check_outputs(ownership)
            positions = {partition: self._position(_theirs(partition)) for partition in sorted(ownership.partitions)}
            for partition, position in positions.items():
                self._consumer.seek(_theirs(partition), position.offset)
        return positions

    def publish(self, outgoing: Sequence[Outgoing]) -> None:
        """Opens a transaction, sends all records and waits until each of them is acknowledged."""
        producer = self._live_producer()
        with self._translating():
            with self._watchdog.step("begin", COMMIT_LIMIT_S):
                producer.begin_transaction()
            self._in_transaction = True
            with self._watchdog.step("publish", ACKNOWLEDGE_LIMIT_S):
                futures = [
                    producer.send(
                        record.topic,
                        partition=record.partition,
                        key=record.key,
                        # The client can send neither a record without key and value nor a header without content.
                        value=b"" if record.key is None and record.value is None else record.value,
                        headers=[(name, content or b"") for name, content in record.headers],
                    )
                    for record in outgoing
                ]
                producer.flush(timeout=FLUSH_TIMEOUT_S)
                for future in futures:  # flush hides failures, and a failed send does not stop a commit
                    future.get(timeout=0)

    def commit(self, positions: Mapping[Partition, Position], ownership: Ownership) -> None:
        """Commits the open transaction together with the input positions and their notes.

        The broker refuses it if `ownership` is not the group's present generation.
        """
        if not ownership.joined:
            raise PassingFault("not in the group any more")
        offsets = {_theirs(p): OffsetAndMetadata(at.offset, at.note or "") for p, at in positions.items()}
        producer = self._live_producer()
        with self._translating(), self._watchdog.step("commit", COMMIT_LIMIT_S):
            producer.send_offsets_to_transaction(offsets, ownership.proof)
            producer.commit_transaction()
        self._in_transaction = False

    def rollback(self) -> None:
        """Aborts what is open and replaces the producer.

        A producer that failed once may carry its old offsets and records into the next transaction.
        """
        if self._producer_fenced:
            self._wait_for_a_rival_to_show()
        old, self._producer = self._producer, None
        if old is not None:
            with self._watchdog.step("abort", COMMIT_LIMIT_S):
                _abort(old)
            discard(old)
        self._in_transaction = False
        with self._translating(), self._watchdog.step("init transactions", INIT_LIMIT_S):
            producer = self._new_producer()
            try:
                producer.init_transactions()
            except BaseException:
                discard(producer)
                raise
        self._producer = producer

    def lag(self, partition: Partition, offset: int) -> int | None:
        """Records from `offset` to the partition's end as of the last fetch; None before the first."""
        with suppress(Exception):
            end = self._consumer.highwater(_theirs(partition))
            return None if end is None else max(0, end - offset)
        return None

    def close(self) -> None:
        """Leaves the group and closes both clients. Raises nothing."""
        producer, self._producer = self._producer, None
        if producer is not None:
            if self._in_transaction:  # readers would wait for it to time out
                aborting = threading.Thread(target=_abort, args=[producer], daemon=True)
                aborting.start()
                aborting.join(CLOSE_TIMEOUT_MS / 1000)
            discard(producer)
        try:
            self._consumer.close(autocommit=False, timeout_ms=CLOSE_TIMEOUT_MS)
        except Exception as error:
            log.warning("the consumer did not close cleanly: %s", error)

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except (PassingFault, Fatal):
            raise
        except Exception as error:
            # The client wraps it in errors of other classes.
            self._producer_fenced = errors.ProducerFencedError.__name__ in f"{type(error).__name__} {error}"
            raise translated(error, self._settings.kafka_bootstrap_servers) from error

    def _new_consumer(self) -> KafkaConsumer:
        settings = self._settings
        return KafkaConsumer(
            settings.kafka_input_topic,
            **NETWORK,
            **settings.kafka_connection(),
            kafka_client=RepairedClient,
            group_id=settings.kafka_group_id,
            group_instance_id=settings.worker_id,
            client_id=f"emotion-worker-{settings.worker_id or 'dynamic'}",
            session_timeout_ms=settings.kafka_session_timeout_ms,
            heartbeat_interval_ms=settings.kafka_session_timeout_ms // HEARTBEATS_PER_SESSION,
            max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
            partition_assignment_strategy=(CooperativeStickyAssignor,),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            allow_auto_create_topics=False,
            # Also makes the look-up of committed offsets wait for transactions that are still being settled.
            isolation_level="read_committed",
        )

    def _new_producer(self) -> KafkaProducer:
        settings = self._settings
        return KafkaProducer(
            **NETWORK,
            **settings.kafka_connection(),
            kafka_client=RepairedClient,
            client_id=f"emotion-worker-{settings.worker_id or 'dynamic'}",
            transactional_id=self._transactional_id,
            transaction_timeout_ms=settings.kafka_transaction_timeout_ms,
            delivery_timeout_ms=14_000,
            max_block_ms=15_000,
            linger_ms=5,
            # One batch per partition is in flight; above the topic's own limit the broker would refuse it.
            batch_size=min(BATCH_BYTES, self._max_record_bytes),
            max_request_size=self._max_record_bytes,
            allow_auto_create_topics=False,
        )

    def _live_producer(self) -> KafkaProducer:
        if self._producer is None:
            raise PassingFault("the last rollback did not succeed")
        return self._producer

    def _check_outputs(self, ownership: Ownership) -> None:
        """An output topic with fewer partitions than the input has nowhere to put some of the results."""
        needed = 1 + max((partition.number for partition in ownership.partitions), default=-1)
        for topic in self._outputs if needed else ():
            found = len(self._live_producer().partitions_for(topic))
            if found < needed:
                raise Fatal(
                    f"topic {topic} has {found} partitions and needs {needed}, as many as "
                    f"{self._settings.kafka_input_topic}: run python -m worker create-topics",
                    ExitCode.TOPICS,
                )

    def _position(self, partition: TopicPartition) -> Position:
        # A look-up that timed out stays cached, and the next call returns its old answer: only an answer that follows
        # another one is sure to be new.
        self._consumer.committed(partition, metadata=True, timeout_ms=ASK_TIMEOUT_MS)
        committed = self._consumer.committed(partition, metadata=True, timeout_ms=ASK_TIMEOUT_MS)
        if committed is not None and committed.offset >= 0:
            return Position(committed.offset, committed.metadata or "")
        beginning = self._consumer.beginning_offsets([partition], timeout_ms=ASK_TIMEOUT_MS)
        return Position(int(beginning[partition]), None)

    def _skip_unreadable(self, error: Exception) -> list[Record]:
        """Steps over a record that the client cannot read, if it cannot read it the second time either.

        Without draining and seeking every later poll would find nothing, for ever.
        """
        parsing = self._consumer._fetcher._next_partition_records
        foreign = isinstance(error, errors.KafkaError) and not isinstance(error, errors.CorruptRecordError)
        if foreign or not parsing:
            raise error
        partition = parsing.topic_partition
        offset = self._consumer.position(partition, timeout_ms=ASK_TIMEOUT_MS)
        parsing.drain()
        if offset is None or self._suspect != (partition, offset):
            self._suspect = (partition, offset)
            return []
        log.warning("%s@%d cannot be read (%s)", _ours(partition), offset, type(error).__name__)
        self._consumer.seek(partition, offset + 1)
        now_ms = int(time.time() * 1000)
        return [Record(_ours(partition), offset, now_ms, None, None, unreadable=type(error).__name__)]

    def _wait_for_a_rival_to_show(self) -> None:
        """A producer is fenced by a rival with the same WORKER_ID, or by its own transaction that ran too long.

        A new producer would fence the rival in its turn. A rival takes our place in the group too, which the next
        heartbeat tells us; it is fatal then.
        """
        self._producer_fenced = False
        if self._settings.worker_id is None:
            return
        with self._translating(), self._watchdog.step("wait for a heartbeat", POLL_LIMIT_S):
            time.sleep(self._settings.kafka_session_timeout_ms / HEARTBEATS_PER_SESSION / 1000 + HEARTBEAT_MARGIN_S)
            self._consumer.poll(timeout_ms=0, max_records=1)  # dropped: the caller restores
            self._check_not_usurped()

    def _check_not_usurped(self) -> None:
        """Raises Fatal if another member took our place. The client only stops its heartbeat then and tells nobody."""
        coordinator = self._consumer._coordinator
        with coordinator._lock:
            if (
                coordinator.state is MemberState.STABLE
                and not coordinator._heartbeat_enabled
                and not coordinator.rejoining
            ):
                raise errors.FencedInstanceIdError


def _abort(producer: KafkaProducer) -> None:
    try:
        producer.abort_transaction()
    except Exception as error:
        # No transaction was open, or the producer is past saving; its successor's start aborts what is left.
        log.debug("abort: %s", type(error).__name__)


def _ours(partition: TopicPartition) -> Partition:
    return Partition(partition.topic, partition.partition)


def _theirs(partition: Partition) -> TopicPartition:
    return TopicPartition(partition.topic, partition.number)


def _record(fetched: Any) -> Record:
    return Record(
        partition=Partition(fetched.topic, fetched.partition),
        offset=fetched.offset,
        timestamp_ms=fetched.timestamp,
        key=fetched.key,
        value=fetched.value,
        headers=fetched.headers,
    )
