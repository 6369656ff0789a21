"""kafka-python's producer with whole record batches: no call, lock or future for each record.

`KafkaProducer.send` takes ten times as long as a record takes here. `BatchProducer` puts finished batches where
`send` puts them, into the accumulator; the sender of kafka-python transmits, repeats and completes them as ever.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kafka import KafkaProducer, TopicPartition, errors
from kafka.producer.producer_batch import FinalState, ProducerBatch
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecordsBuilder

from tweets.records import OutputRecord
from worker.kafka.record_encoder import encode_record
from worker.kafka.refusals import REFUSED_BATCH, REFUSED_RECORD, REFUSED_TOPIC

_MESSAGE_FORMAT = 2  # the only format that has transactions and headers
_UNCOMPRESSED = 0
_HEADER_BYTES = DefaultRecordBatchBuilder.header_size_in_bytes()


@dataclass(frozen=True, slots=True)
class SentBatch:
    """A record batch that the sender has."""

    batch: ProducerBatch

    @property
    def records(self) -> int:
        """The number of records."""
        return int(self.batch.record_count)

    @property
    def acknowledged(self) -> bool:
        """Whether every record is acknowledged."""
        return self.batch.is_done and self.batch.produce_future.value[2] is None

    def outcomes(self) -> list[Exception | None]:
        """Return the error of each record, None for an acknowledged one; without an answer, every record has failed.

        A record gets the broker's refusal only if the broker refused that record, or a batch of small records with it.
        """
        if not self.batch.is_done:
            return [errors.KafkaTimeoutError("no acknowledgement of the record")] * self.records
        _offset, _timestamp, error_of = self.batch.produce_future.value
        if error_of is None:
            return [None] * self.records
        found = [error_of(number) for number in range(self.records)]
        if isinstance(found[0], (*REFUSED_RECORD, *REFUSED_TOPIC)) and self.batch.final_state is FinalState.ABORTED:
            return [errors.KafkaError("not sent, because another batch of the transaction was refused")] * self.records
        if isinstance(found[0], REFUSED_BATCH) and self.records > 1:
            return [errors.KafkaError(f"a batch of {self.records} records is too large for the broker")] * self.records
        return found


class BatchProducer(KafkaProducer):  # type: ignore[misc]  # kafka-python ships no types
    """An idempotent producer that takes all records of a partition at once."""

    def __init__(self, **configs: Any) -> None:
        super().__init__(**configs)
        self.refuse_splits()

    def refuse_splits(self) -> None:
        """Let a batch that is too large for the broker fail: after a lower max.message.bytes, for instance.

        kafka-python would split the batch, and its future would never have an outcome.
        """
        self._sender._can_split = lambda _batch, _error: False

    def add_partitions(self, topic_partitions: Sequence[tuple[str, int]]) -> None:
        """Check the partitions, and add them to the open transaction in one request, if the producer is transactional.

        Raises the errors of KafkaProducer.send.
        """
        for topic, number in topic_partitions:
            if self._metadata.partitions_for_topic(topic) is None:
                self._wait_on_metadata(topic, self.config["max_block_ms"])
            self._partition(topic, number, None, None, None, None)  # raises for an unknown partition
        if self._transaction_manager.is_transactional():
            for topic, number in topic_partitions:
                self._transaction_manager.maybe_add_partition_to_transaction(TopicPartition(topic, number))
            self._sender.wakeup()

    def send_all(self, topic: str, number: int, records: Sequence[OutputRecord]) -> list[SentBatch]:
        """Hand the records of a partition that was added, in their order, to the sender; return their batches."""
        partition, accumulator = TopicPartition(topic, number), self._accumulator
        batches = list(self._batches(partition, records))
        with accumulator._tp_lock(partition):
            if accumulator._closed:
                raise errors.IllegalStateError("the producer is closed")
            for batch in batches:
                accumulator._batches[partition].append(batch)
                accumulator._incomplete.add(batch)
        return [SentBatch(batch) for batch in batches]

    def _batches(self, partition: TopicPartition, records: Sequence[OutputRecord]) -> Iterator[ProducerBatch]:
        """Yield batches of at most `batch_size` bytes, but of one record at least."""
        now_ms = int(time.time() * 1000)
        encoded: list[bytes] = []
        room = self.config["batch_size"] - _HEADER_BYTES
        for record in records:
            content = _encoded(len(encoded), record)
            if encoded and len(content) > room:
                yield ProducerBatch(partition, _builder(encoded, now_ms))
                encoded, room, content = [], self.config["batch_size"] - _HEADER_BYTES, _encoded(0, record)
            encoded.append(content)
            room -= len(content)
        if encoded:
            yield ProducerBatch(partition, _builder(encoded, now_ms))


def _encoded(position: int, record: OutputRecord) -> bytes:
    # As KafkaProducer.send requires: no record without key and value, no header without a value.
    value = b"" if record.key is None and record.value is None else record.value
    return encode_record(position, record.key, value, [(name, content or b"") for name, content in record.headers])


def _builder(encoded: Sequence[bytes], now_ms: int) -> MemoryRecordsBuilder:
    """Return kafka-python's builder in the state that it has after these records; it is full, so it is sent at once."""
    records = MemoryRecordsBuilder(_MESSAGE_FORMAT, _UNCOMPRESSED, 0)
    builder = records._builder
    builder._buffer += b"".join(encoded)
    builder._first_timestamp = builder._max_timestamp = now_ms
    builder._last_offset = len(encoded) - 1
    builder._num_records = records._next_offset = len(encoded)
    return records
