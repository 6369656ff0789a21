"""The transactional producer of the output topics; the stream replaces a producer after its first error."""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Final

from kafka import KafkaProducer, TopicPartition
from kafka.errors import ProducerFencedError
from kafka.structs import OffsetAndMetadata

from tweets.records import OutputRecord, Partition
from worker import time_limits
from worker.kafka.client import NETWORK, RepairedClient, discard
from worker.membership import CommittedOffset, Membership
from worker.settings import Settings

log = logging.getLogger(__name__)

BATCH_BYTES: Final = 262_144
"""Bytes of one request per partition: only one is in flight, so the default of 16 KiB would limit the throughput."""


class ResultProducer:
    """Sends results and commits them. Methods raise the errors of kafka-python, unless their docstring differs."""

    def __init__(self, settings: Settings, *, transactional_id: str, max_record_bytes: int) -> None:
        """Connect and initialise transactions: the broker aborts an open transaction of the same transactional id."""
        self._in_transaction = False
        self._producer = KafkaProducer(
            **NETWORK,
            **settings.kafka_connection(),
            kafka_client=RepairedClient,
            client_id=f"emotion-worker-{settings.worker_id or 'dynamic'}",
            transactional_id=transactional_id,
            transaction_timeout_ms=settings.kafka_transaction_timeout_ms,
            delivery_timeout_ms=time_limits.DELIVERY.ms,
            max_block_ms=time_limits.MAX_BLOCK.ms,
            linger_ms=time_limits.LINGER.ms,
            # The broker would refuse a request above the topic's max.message.bytes.
            batch_size=min(BATCH_BYTES, max_record_bytes),
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
        """Send all records and wait until every record is acknowledged."""
        futures = [
            self._producer.send(
                record.topic,
                partition=record.partition,
                key=record.key,
                # kafka-python refuses a record without key and value, and a header without a value.
                value=b"" if record.key is None and record.value is None else record.value,
                headers=[(name, content or b"") for name, content in record.headers],
            )
            for record in records
        ]
        self._producer.flush(timeout=time_limits.FLUSH.seconds)
        for future in futures:  # flush hides failed records, and a commit would succeed without them
            future.get(timeout=0)

    def commit(self, offsets: Mapping[Partition, CommittedOffset], membership: Membership) -> None:
        """Commit the transaction together with the input offsets and their metadata, as the member of `membership`."""
        committed = {TopicPartition(*p): OffsetAndMetadata(at.offset, at.metadata or "") for p, at in offsets.items()}
        self._producer.send_offsets_to_transaction(committed, membership.client_metadata)
        self._producer.commit_transaction()
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

    def abort(self) -> None:
        """Abort an open transaction. Raises nothing: init_transactions of the next producer aborts it too."""
        try:
            self._producer.abort_transaction()
        except Exception as error:
            log.debug("the transaction was not aborted: %s", type(error).__name__)

    def discard(self) -> None:
        """Stop the producer in any state, without an abort."""
        discard(self._producer)

    def close(self) -> None:
        """Stop the producer; before, abort an open transaction within CLOSE, so that readers need not wait for it."""
        if self._in_transaction:
            aborting = threading.Thread(target=self.abort, daemon=True)
            aborting.start()
            aborting.join(time_limits.CLOSE.seconds)
        self.discard()
