"""Whole record batches: what kafka-python would send record by record, and the broker's answer for each record.

kafka-python's own accumulator, transactions and sender, without a thread and without a broker.
"""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import KafkaProducer, TopicPartition, errors
from kafka.producer.record_accumulator import RecordAccumulator
from kafka.producer.sender import Sender
from kafka.producer.transaction_manager import ProducerIdAndEpoch, TransactionManager, TransactionState
from kafka.protocol.producer import ProduceResponse
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder

from tests.records import PARTITION
from tweets.records import OutputRecord
from worker.kafka.batch_producer import BatchProducer, SentBatch
from worker.kafka.record_encoder import encode_record
from worker.kafka.refusals import refusals

TOPIC = "out"
THEIRS = TopicPartition(TOPIC, PARTITION.number)
PartitionResponse = ProduceResponse.TopicProduceResponse.PartitionProduceResponse

CLUSTER = SimpleNamespace(
    partitions_for_topic=lambda topic: set(range(4)) if topic == TOPIC else None,
    topics=lambda: {TOPIC},
    request_update=lambda: None,
)
some_bytes = st.one_of(st.none(), st.binary(max_size=200), st.just(b"x" * 20_000))
output_records = st.builds(
    OutputRecord,
    st.just(TOPIC),
    st.just(PARTITION.number),
    some_bytes,
    some_bytes,
    st.lists(st.tuples(st.text(max_size=5), some_bytes), max_size=3),
)


class Offline(BatchProducer):
    """A producer in an open transaction, whose sender never runs."""

    def __init__(self, batch_size: int = 1_000_000) -> None:
        self.config = KafkaProducer.DEFAULT_CONFIG | {"batch_size": batch_size, "max_block_ms": 0}
        self._closed = True  # there is no client to close
        self._metadata = CLUSTER
        self._transaction_manager = TransactionManager(transactional_id="id", transaction_timeout_ms=1)
        self._transaction_manager._transition_to(TransactionState.INITIALIZING)
        self._transaction_manager.set_producer_id_and_epoch(ProducerIdAndEpoch(1, 0))
        self._transaction_manager._transition_to(TransactionState.READY)
        self._transaction_manager.begin_transaction()
        manager = {"transaction_manager": self._transaction_manager}
        self._accumulator = RecordAccumulator(batch_size=batch_size, **manager)
        client = SimpleNamespace(cluster=CLUSTER, wakeup=lambda: None)
        self._sender = Sender(client, CLUSTER, self._accumulator, guarantee_message_order=True, **manager)

    def buffers(self) -> list[bytes]:
        """Return the record batches that wait, as the sender would send them."""
        buffers = []
        for batch in self._accumulator._batches[THEIRS]:
            batch.records.set_producer_state(1, 0, 0, True)
            batch.records.close()
            buffers.append(bytes(batch.records.buffer()))
        return buffers

    def answer(self, **response: Any) -> None:
        """Let the broker answer the oldest batch."""
        batch = self._accumulator._batches[THEIRS].popleft()
        fields = {"index": PARTITION.number, "base_offset": 100, "log_append_time_ms": -1, "log_start_offset": 0}
        self._sender._complete_batch(batch, PartitionResponse(**fields, **response))


def some_records(count: int) -> list[OutputRecord]:
    return [OutputRecord(TOPIC, PARTITION.number, b"k%d" % n, b"v" * 100, [("h", b"1")]) for n in range(count)]


def outcomes(sent: Sequence[SentBatch]) -> list[Exception | None]:
    return [outcome for batch in sent for outcome in batch.outcomes()]


def as_sent(record: OutputRecord) -> tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]:
    value = b"" if record.key is None and record.value is None else record.value
    return record.key, value, [(name, content or b"") for name, content in record.headers]


@given(st.lists(output_records, max_size=30), st.sampled_from([0, 500, 30_000, 1_000_000]))
def test_every_record_is_sent_once_in_order_and_only_a_lone_record_exceeds_the_batch_size(
    records: list[OutputRecord], batch_size: int
) -> None:
    producer = Offline(batch_size)
    sent = producer.send_all(TOPIC, PARTITION.number, records)
    buffers = producer.buffers()
    read = [[record for batch in MemoryRecords(buffer) for record in batch] for buffer in buffers]
    assert [(each.key, each.value, each.headers) for batch in read for each in batch] == list(map(as_sent, records))
    assert [batch.records for batch in sent] == [len(batch) for batch in read]
    assert all(len(buffer) <= batch_size for buffer, batch in zip(buffers, read, strict=True) if len(batch) > 1)


@given(st.lists(output_records, min_size=1, max_size=30))
def test_a_batch_has_the_bytes_that_kafka_python_makes_of_the_same_records(records: list[OutputRecord]) -> None:
    producer = Offline()
    producer.send_all(TOPIC, PARTITION.number, records)
    (batch,) = producer._accumulator._batches[THEIRS]
    theirs = MemoryRecordsBuilder(2, 0, 1_000_000)
    for record in records:
        key, value, headers = as_sent(record)
        assert theirs.append(batch.records._builder._first_timestamp, key, value, headers) is not None
    assert batch.records.size_in_bytes() == theirs.size_in_bytes()
    theirs.set_producer_state(1, 0, 0, True)
    theirs.close()
    assert producer.buffers() == [bytes(theirs.buffer())]
    assert batch.record_count == theirs.next_offset()


def test_lengths_and_positions_of_any_size_are_encoded_as_kafka_python_encodes_them() -> None:
    for position in (0, 63, 64, 8_191, 8_192, 2_000_000):
        theirs = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 1_000_000_000)
        theirs.append(position, 0, None, b"v" * position, [("h", None)])
        ours = encode_record(position, None, b"v" * position, [("h", None)])
        assert theirs._buffer[theirs.header_size_in_bytes() :] == ours


def test_a_batch_size_of_zero_sends_each_record_alone() -> None:
    assert [batch.records for batch in Offline(0).send_all(TOPIC, 3, some_records(3))] == [1, 1, 1]


def test_trap_send_rejects_a_record_without_key_and_value_and_a_header_without_content() -> None:
    producer = Offline()
    producer.send_all(TOPIC, 3, [OutputRecord(TOPIC, 3, None, None, [("h", None), ("i", b"1")])])
    ((record,),) = [list(batch) for buffer in producer.buffers() for batch in MemoryRecords(buffer)]
    assert (record.key, record.value, record.headers) == (None, b"", [("h", b""), ("i", b"1")])


def test_an_acknowledged_batch_has_no_error_and_a_batch_without_an_answer_has_one_for_each_record() -> None:
    producer = Offline(500)
    sent = producer.send_all(TOPIC, 3, some_records(5))
    producer.answer(error_code=0)
    assert [batch.acknowledged for batch in sent] == [True, False]
    assert outcomes(sent[:1]) == [None] * sent[0].records
    assert [type(outcome) for outcome in outcomes(sent[1:])] == [errors.KafkaTimeoutError] * sent[1].records


def test_a_refused_record_is_told_apart_from_the_others_of_its_batch() -> None:
    producer = Offline()
    sent = producer.send_all(TOPIC, 3, some_records(4))
    refused = [(2, "no key")]
    producer.answer(error_code=errors.InvalidRecordError.errno, error_message="one is bad", record_errors=refused)
    found = outcomes(sent)
    assert isinstance(found[2], errors.InvalidRecordError)
    assert "no key" in str(found[2])
    assert not any(isinstance(found[number], errors.InvalidRecordError) for number in (0, 1, 3))
    assert all(found), "the broker has appended none of the batch"


def too_large(producer: Offline) -> None:
    producer.refuse_splits()
    producer.answer(error_code=errors.MessageSizeTooLargeError.errno, error_message="too large", record_errors=[])


def test_trap_a_batch_that_is_split_never_gets_an_outcome() -> None:
    producer = Offline()
    sent = producer.send_all(TOPIC, 3, some_records(4))
    too_large(producer)
    assert not producer._accumulator.has_undrained()
    assert all(outcomes(sent))


def test_a_batch_that_is_too_large_refuses_no_record_unless_the_record_is_alone() -> None:
    for count, refused in ((4, []), (1, [0])):
        producer = Offline()
        sent = producer.send_all(TOPIC, 3, some_records(count))
        too_large(producer)
        assert list(refusals(outcomes(sent))) == refused


def test_trap_batches_that_wait_behind_a_refused_one_get_its_error_and_are_not_refused() -> None:
    producer = Offline(0)
    sent = producer.send_all(TOPIC, 3, some_records(4))
    too_large(producer)
    producer._accumulator.abort_undrained_batches(producer._transaction_manager.last_error)  # as the sender does
    assert list(refusals(outcomes(sent))) == [0]
    assert all(outcomes(sent))


def test_a_batch_that_is_aborted_fails_with_the_cause() -> None:
    producer = Offline()
    sent = producer.send_all(TOPIC, 3, some_records(2))
    cause = errors.ProducerFencedError("fenced")
    producer._accumulator.abort_batches(cause)
    assert outcomes(sent) == [cause, cause]
    assert not producer._accumulator.has_incomplete


def test_all_partitions_are_added_in_one_request() -> None:
    producer = Offline()
    producer.add_partitions([(TOPIC, 0), (TOPIC, 2)])
    assert producer._transaction_manager._new_partitions_in_transaction == {
        TopicPartition(TOPIC, 0),
        TopicPartition(TOPIC, 2),
    }


def test_a_producer_without_transactions_adds_no_partition() -> None:
    producer = Offline()
    producer._transaction_manager = TransactionManager(transactional_id=None)
    producer.add_partitions([(TOPIC, 0)])
    assert not producer._transaction_manager._new_partitions_in_transaction
    assert producer.send_all(TOPIC, 0, some_records(2))


def test_an_unknown_partition_or_topic_adds_nothing_and_raises() -> None:
    producer = Offline()
    producer._wait_on_metadata = lambda topic, _limit_ms: (_ for _ in ()).throw(errors.KafkaTimeoutError(topic))
    with pytest.raises(ValueError, match="Unrecognized partition 9"):
        producer.add_partitions([(TOPIC, 0), (TOPIC, 9)])
    with pytest.raises(errors.KafkaTimeoutError, match="gone"):
        producer.add_partitions([(TOPIC, 0), ("gone", 0)])
    assert not producer._transaction_manager._new_partitions_in_transaction


def test_a_transaction_that_has_failed_takes_no_partition() -> None:
    producer = Offline()
    producer._transaction_manager.transition_to_abortable_error(errors.InvalidRecordError("no key"))
    with pytest.raises(errors.KafkaError, match="previous transactional or"):
        producer.add_partitions([(TOPIC, 0)])


def test_a_closed_producer_takes_no_batch() -> None:
    producer = Offline()
    producer._accumulator.close()
    with pytest.raises(errors.IllegalStateError):
        producer.send_all(TOPIC, 3, some_records(1))
    assert not producer._accumulator.has_incomplete
