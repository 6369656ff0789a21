"""The publishing end of the stream: one transactional producer, to be thrown away after its first error."""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Final

from kafka import KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from tweets.records import OutputRecord, Partition
from worker import time_limits
from worker.kafka.client import NETWORK, RepairedClient, discard
from worker.membership import CommittedOffset, Membership
from worker.settings import Settings

log = logging.getLogger(__name__)

BATCH_BYTES: Final = 262_144


class ResultProducer:
    """Sends results and commits them. Methods raise what the client raises, unless they say otherwise."""

    def __init__(self, settings: Settings, *, transactional_id: str, max_record_bytes: int) -> None:
        """Takes over the transactional id: what its last user left open is aborted."""
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
            # One batch per partition is in flight; above the topic's own limit the broker would refuse it.
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
        """Opens a transaction."""
        self._producer.begin_transaction()
        self._in_transaction = True

    def send(self, outgoing: Sequence[OutputRecord]) -> None:
        """Sends all records and waits until each of them is acknowledged."""
        futures = [
            self._producer.send(
                record.topic,
                partition=record.partition,
                key=record.key,
                # The client can send neither a record without key and value nor a header without content.
                value=b"" if record.key is None and record.value is None else record.value,
                headers=[(name, content or b"") for name, content in record.headers],
            )
            for record in outgoing
        ]
        self._producer.flush(timeout=time_limits.FLUSH.seconds)
        for future in futures:  # flush hides failures, and a failed send does not stop a commit
            future.get(timeout=0)

    def commit(self, positions: Mapping[Partition, CommittedOffset], membership: Membership) -> None:
        """Commits the transaction, and with it the input positions and their notes in the name of `ownership`."""
        offsets = {TopicPartition(*p): OffsetAndMetadata(at.offset, at.metadata or "") for p, at in positions.items()}
        self._producer.send_offsets_to_transaction(offsets, membership.client_metadata)
        self._producer.commit_transaction()
        self._in_transaction = False

    def partitions(self, topic: str) -> int:
        """How many partitions the topic has."""
        return len(self._producer.partitions_for(topic))

    def abort(self) -> None:
        """Aborts the transaction if one is open; raises nothing, since a successor's start aborts it too."""
        try:
            self._producer.abort_transaction()
        except Exception as error:
            log.debug("abort: %s", type(error).__name__)

    def discard(self) -> None:
        """Ends it in whatever state it is."""
        discard(self._producer)

    def close(self) -> None:
        """Ends it for good, and tries for a moment to leave no transaction that readers would have to wait for."""
        if self._in_transaction:
            aborting = threading.Thread(target=self.abort, daemon=True)
            aborting.start()
            aborting.join(time_limits.CLOSE.seconds)
        self.discard()
