"""Fetched record batches become Records: the same records, positions and errors as kafka-python's own reader has."""

import inspect
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import IsolationLevel
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.record import MemoryRecords
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.legacy_records import LegacyRecordBatchBuilder
from kafka.record.util import calc_crc32c

from tests.kafka_clients import THEIRS
from tests.records import PARTITION
from tweets.records import Headers, Record
from worker.kafka.client import consumer_arguments
from worker.kafka.record_reader import RecordReader, read_records
from worker.settings import Settings

Content = tuple[bytes | None, bytes | None, Headers]

ABORTED, COMMITTED, NO_PRODUCER = 7, 8, -1
ABORT_MARKER, COMMIT_MARKER = b"\0\0\0\0", b"\0\0\0\1"
CONTROL = 0x20

contents = st.tuples(
    st.none() | st.binary(max_size=300),
    st.none() | st.binary(max_size=300),
    st.lists(st.tuples(st.text(max_size=9), st.none() | st.binary(max_size=9)), max_size=3),
)
batches = st.tuples(
    st.lists(contents, min_size=1, max_size=5), st.sampled_from([0, 1, 2, 3, 4]), st.sampled_from([7, 8, -1])
)


def a_batch(
    records: Sequence[Content], *, base: int = 0, codec: int = 0, producer: int = NO_PRODUCER, gap: int = 0
) -> bytearray:
    """Return a record batch as a broker sends it; with a `gap`, compaction has removed its last records."""
    transactional = producer != NO_PRODUCER
    builder = DefaultRecordBatchBuilder(2, codec, transactional, producer, 0, 0, 10_000_000)
    for number, (key, value, headers) in enumerate(records):
        assert builder.append(number, 1_700_000_000_000 + 1_000 * number, key, value, headers) is not None
    builder._last_offset += gap
    built: bytearray = builder.build()
    return with_crc(built, base_offset=base)


def a_marker(content: bytes, *, base: int, producer: int) -> bytearray:
    marker = a_batch([(content, b"\0\0\0\0\0\0", ())], base=base, producer=producer)
    marker[22] |= CONTROL  # the lower byte of the attributes
    return with_crc(marker, base_offset=base)


def with_crc(batch: bytearray, *, base_offset: int) -> bytearray:
    batch[0:8] = base_offset.to_bytes(8, "big")
    batch[17:21] = calc_crc32c(memoryview(batch)[21:]).to_bytes(4, "big")
    return batch


def a_part(kind: Any, data: bytes, *, fetch_offset: int = 0, aborted: Sequence[tuple[int, int]] = ()) -> Any:
    transactions = [SimpleNamespace(producer_id=producer, first_offset=first) for producer, first in aborted]
    return kind(
        fetch_offset,
        THEIRS,
        MemoryRecords(data),
        isolation_level=IsolationLevel.READ_COMMITTED,
        aborted_transactions=transactions,
    )


def read(part: Any) -> tuple[list[tuple[Any, ...]], int, type[Exception] | None]:
    """Return the fields of all records, the position after them, and the error that ended the reading."""
    found = []
    try:
        for each in part.record_iterator:
            time_ms = each.timestamp_ms if isinstance(each, Record) else each.timestamp
            time_ms = -1 if time_ms is None else time_ms  # kafka-python's record of the oldest format has none
            found.append((each.offset, time_ms, each.key, each.value, list(each.headers), part.next_fetch_offset))
    except Exception as error:
        return found, part.next_fetch_offset, type(error)
    return found, part.next_fetch_offset, None


def same(data: bytes, **options: Any) -> tuple[list[tuple[Any, ...]], int, type[Exception] | None]:
    """Read with both readers; return what both have found."""
    consumer_arguments(Settings(_env_file=None))  # installs the bounds of every consumer
    ours, theirs = (read(a_part(kind, data, **options)) for kind in (RecordReader, Fetcher.PartitionRecords))
    assert ours == theirs
    return ours


@given(st.lists(batches, max_size=4), st.integers(0, 6), st.booleans())
def test_batches_are_read_as_kafka_python_reads_them(
    parts: list[tuple[list[Content], int, int]], fetch_offset: int, abort: bool
) -> None:
    data, base = bytearray(), 0
    for records, codec, producer in parts:
        data += a_batch(records, base=base, codec=codec, producer=producer)
        base += len(records)
    same(bytes(data), fetch_offset=fetch_offset, aborted=[(ABORTED, 0)] if abort else [])


def test_a_record_knows_its_partition_and_position() -> None:
    part = a_part(RecordReader, bytes(a_batch([(b"k", b"v", [("h", None)])], base=5)))
    assert list(part.record_iterator) == [Record(PARTITION, 5, 1_700_000_000_000, b"k", b"v", [("h", None)])]


def test_aborted_records_and_markers_are_passed_over_and_the_position_is_after_them() -> None:
    data = bytes(
        a_batch([(b"a", b"1", ())] * 2, base=0, producer=ABORTED)
        + a_batch([(b"c", b"2", ())], base=2, producer=COMMITTED)
        + a_marker(ABORT_MARKER, base=3, producer=ABORTED)
        + a_batch([(b"a", b"3", ())], base=4, producer=ABORTED)
        + a_marker(COMMIT_MARKER, base=5, producer=ABORTED)
        + a_marker(COMMIT_MARKER, base=6, producer=COMMITTED)
    )
    records, position, error = same(data, aborted=[(ABORTED, 0)])
    assert ([each[3] for each in records], position, error) == ([b"2", b"3"], 7, None)


def test_records_that_compaction_removed_from_the_end_of_a_batch_are_passed_over() -> None:
    records, position, _ = same(bytes(a_batch([(b"k", b"v", ())], gap=3)))
    assert (len(records), position) == (1, 4)


@pytest.mark.parametrize("magic", [0, 1])
@pytest.mark.parametrize("codec", [0, 1])
def test_the_message_formats_before_kafka_0_11_are_read(magic: int, codec: int) -> None:
    builder = LegacyRecordBatchBuilder(magic, codec, 1_000_000)
    for number in range(3):
        builder.append(number, timestamp=1_000 + number, key=b"k", value=b"%d" % number)
    records, position, _ = same(bytes(builder.build()), fetch_offset=1)
    assert ([each[3] for each in records], position) == ([b"1", b"2"], 3)


def test_a_record_of_the_oldest_format_has_no_timestamp() -> None:
    builder = LegacyRecordBatchBuilder(0, 0, 1_000_000)
    builder.append(0, timestamp=1_000, key=b"k", value=b"v")
    (record,) = a_part(RecordReader, bytes(builder.build())).record_iterator
    assert record.timestamp_ms == -1


@pytest.mark.parametrize("aborted", [[], [(ABORTED, 0)]], ids=["none aborted", "one aborted"])
def test_trap_a_marker_without_content_stops_every_reader_of_a_compacted_topic(aborted: list[tuple[int, int]]) -> None:
    """The log cleaner keeps the last batch of a producer, without its records."""
    empty = a_marker(COMMIT_MARKER, base=0, producer=COMMITTED)[:61]
    empty[8:12] = (len(empty) - 12).to_bytes(4, "big")
    empty[57:61] = (0).to_bytes(4, "big")
    data = bytes(with_crc(empty, base_offset=0) + a_batch([(b"k", b"v", ())], base=1))
    records, position, error = same(data, aborted=aborted)
    assert ([each[3] for each in records], position, error) == ([b"v"], 2, None)


def test_a_damaged_batch_is_an_error_after_the_records_before() -> None:
    good, bad = a_batch([(b"k", b"v", ())]), a_batch([(b"k", b"v", ())], base=1)
    bad[-2] ^= 1
    records, position, error = same(bytes(good + bad))
    assert (len(records), position, error) == (1, 1, CorruptRecordError)


@pytest.mark.parametrize(
    ("at", "byte"), [(-2, 1), (-4, 1), (61, 0), (61, 40), (-5, 0xFF), (-3, 0xFF), (60, 2), (60, 0)], ids=str
)
def test_a_record_that_breaks_the_format_is_an_error_after_the_records_before(at: int, byte: int) -> None:
    bad = a_batch([(b"k", b"v", [("h", b"c")])])
    bad[at] = byte
    _, _, error = same(bytes(with_crc(bad, base_offset=0)))
    assert error is CorruptRecordError


@given(st.data())
def test_bytes_that_are_no_records_raise_what_kafka_python_raises(data: st.DataObject) -> None:
    bad = a_batch([(b"k", b"v" * 9, [("h", b"c")])] * 3)
    for at in data.draw(st.lists(st.integers(61, len(bad) - 1), min_size=1, max_size=3)):
        bad[at] = data.draw(st.integers(0, 255))
    same(bytes(with_crc(bad, base_offset=0)))


def test_trap_the_replaced_class_is_the_one_that_kafka_python_makes() -> None:
    """A trap for later versions of kafka-python."""
    consumer = SimpleNamespace(_fetcher=Fetcher.__new__(Fetcher))
    read_records(consumer)
    assert consumer._fetcher.PartitionRecords is RecordReader
    assert "self.PartitionRecords(" in inspect.getsource(Fetcher._parse_fetched_data)
    assert "self._unpack_records(" in inspect.getsource(Fetcher.PartitionRecords.__init__)
