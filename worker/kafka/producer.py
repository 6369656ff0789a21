"""The transactional producer of the output topics; the stream replaces a producer after its first error."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from kafka import TopicPartition
from kafka.errors import KafkaTimeoutError, ProducerFencedError
from kafka.structs import OffsetAndMetadata

from tweets.records import OutputRecord, Partition
from worker import time_limits
from worker.errors import ExitCode, FatalError, RefusedRecordsError
from worker.kafka.batch_producer import BatchProducer, SentBatch
from worker.kafka.client import NETWORK, RepairedClient, discard
from worker.kafka.connection import connection_arguments
from worker.kafka.refusals import are_exact, refusals, refused_topic
from worker.membership import CommittedOffset, Membership
from worker.settings import Settings

log = logging.getLogger(__name__)

BATCH_BYTES: Final = 1024 * 1024
"""Bytes of one request per partition: only one is in flight, so the default of 16 KiB would limit the throughput."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A record batch that is on its way, and the indexes of its records among all records of the transaction."""

    batch: SentBatch
    indexes: Sequence[int]


class ResultProducer:
    """Sends results and commits them. Methods raise the errors of kafka-python, unless their docstring differs."""

    def __init__(
        self, settings: Settings, *, transactional_id: str, max_record_bytes: int, single_records: bool = False
    ) -> None:
        """Connect and initialise transactions: the broker aborts an open transaction of the same transactional id.

        `single_records` sends each record in a batch of its own: slow, and the broker's answer is for that record.
        """
        self._in_transaction = False
        self._single_records = single_records
        self._producer = BatchProducer(
            **NETWORK,
            **connection_arguments(settings),
            kafka_client=RepairedClient,
            client_id=f"emotion-worker-{settings.worker_id or 'dynamic'}",
            transactional_id=transactional_id,
            transaction_timeout_ms=settings.kafka_transaction_timeout_ms,
            delivery_timeout_ms=time_limits.DELIVERY.ms,
            max_block_ms=time_limits.MAX_BLOCK.ms,
            # The broker would refuse a request above the topic's max.message.bytes.
            batch_size=0 if single_records else min(BATCH_BYTES, max_record_bytes),
            max_request_size=max_record_bytes,
            allow_auto_create_topics=False,
        )
        try:
            self._producer.init_transactions()
        except BaseException:
            discard(self._producer)
            raise

    def begin(self) -> None:
        """Begin a transaction."""
        self._producer.begin_transaction()
        self._in_transaction = True

    def send(self, records: Sequence[OutputRecord]) -> None:
        """Send all records and wait until every record is acknowledged.

        Raises RefusedRecordsError if the broker refuses records for good, and FatalError if the broker refuses every
        record for a topic.
        """
        sent, error = self._send_until_error(records)
        try:
            self._producer.flush(timeout=time_limits.FLUSH.seconds)
        except Exception as flush_error:
            error = error or flush_error
        # flush hides failed records, and a commit would succeed without them
        if error is not None or not all(each.batch.acknowledged for each in sent):
            self._raise_cause(error, _outcomes(sent, len(records)), records)

    def _send_until_error(self, records: Sequence[OutputRecord]) -> tuple[list[_Sent], Exception | None]:
        """Return the batches of the records, up to the first error of kafka-python, and that error.

        After the broker has refused a record, kafka-python takes no more records of the transaction.
        """
        by_partition: dict[tuple[str, int], list[int]] = {}
        for index, record in enumerate(records):
            by_partition.setdefault((record.topic, record.partition), []).append(index)
        sent: list[_Sent] = []
        try:
            self._producer.add_partitions(list(by_partition))
            for (topic, number), indexes in by_partition.items():
                first = 0
                for batch in self._producer.send_all(topic, number, [records[index] for index in indexes]):
                    sent.append(_Sent(batch, indexes[first : first + batch.records]))
                    first += batch.records
        except Exception as error:
            return sent, error
        return sent, None

    def _raise_cause(
        self, error: Exception | None, outcomes: Sequence[Exception | None], records: Sequence[OutputRecord]
    ) -> NoReturn:
        """Raise a refusal if there is one: the other errors of the batch follow from it. Else raise the first error."""
        refused = refused_topic(outcomes)
        if refused is not None:
            topic = records[outcomes.index(refused)].topic
            raise FatalError(f"Kafka refuses every record for topic {topic}: {refused}", ExitCode.TOPICS) from refused
        if reasons := refusals(outcomes):
            raise RefusedRecordsError(reasons, exact=self._single_records or are_exact(outcomes))
        raise error or next(outcome for outcome in outcomes if outcome is not None)

    def commit(self, offsets: Mapping[Partition, CommittedOffset], membership: Membership) -> None:
        """Commit the transaction together with the input offsets and their metadata, as the member of `membership`."""
        committed = {TopicPartition(*p): OffsetAndMetadata(at.offset, at.metadata or "") for p, at in offsets.items()}
        self._producer.send_offsets_to_transaction(committed, membership.client_metadata)
        self._producer.commit_transaction()
        self._in_transaction = False

    def commit_records(self) -> None:
        """Commit the transaction without offsets."""
        self._producer.commit_transaction()
        self._in_transaction = False

    def commit_of_group(
        self, offsets: Mapping[TopicPartition, OffsetAndMetadata], group: str, limit: time_limits.TimeLimit
    ) -> None:
        """Commit the transaction together with the offsets of a group that has no members.

        These are the steps of kafka-python's own methods, which wait without a limit. Raises KafkaTimeoutError if one
        of the two steps takes longer than `limit`; the transaction may be committed then.
        """
        manager = self._producer._transaction_manager
        for begin in (lambda: manager.send_offsets_to_transaction(offsets, group), manager.begin_commit):
            answer = begin()
            self._producer._sender.wakeup()
            if not answer.wait(timeout_ms=limit.ms):
                raise KafkaTimeoutError(
                    f"no answer to the commit for {limit.seconds:g} s; Kafka knows its outcome, and the next run "
                    "continues there"
                )
        self._in_transaction = False

    def partitions(self, topic: str) -> int:
        """Return the number of partitions of a topic."""
        return len(self._producer.partitions_for(topic))

    @property
    def fenced(self) -> bool:
        """Whether the broker has refused this producer because a newer one has the same transactional id.

        kafka-python raises this error as itself only once. Later calls raise a KafkaError that has the class of the
        first error in its text only, but the transaction manager keeps the first error.
        """
        return isinstance(self._producer._transaction_manager.last_error, ProducerFencedError)

    def abort(self, limit: time_limits.TimeLimit = time_limits.ABORT) -> None:
        """Abort an open transaction. Raises nothing: init_transactions of the next producer aborts it too.

        These are the steps of kafka-python's own abort, which waits without a limit: without a connection to the
        brokers, until the connection is back.
        """
        try:
            aborted = self._producer._transaction_manager.begin_abort()
            self._producer._sender.wakeup()
            aborted.wait(timeout_ms=limit.ms)
        except Exception as error:
            log.debug("the transaction was not aborted: %s", type(error).__name__)

    def discard(self) -> None:
        """Stop the producer in any state, without an abort."""
        discard(self._producer)

    def close(self) -> None:
        """Stop the producer; before, abort an open transaction within CLOSE, so that readers need not wait for it."""
        if self._in_transaction:
            self.abort(time_limits.CLOSE)
        self.discard()


def _outcomes(sent: Sequence[_Sent], records: int) -> list[Exception | None]:
    """Return the error of each record; None for a record that is acknowledged or was not sent."""
    outcomes: list[Exception | None] = [None] * records
    for each in sent:
        for index, error in zip(each.indexes, each.batch.outcomes(), strict=True):
            outcomes[index] = error
    return outcomes
