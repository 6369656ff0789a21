"""One poll of kafka-python returns records up to a bound in bytes, and the next polls return the others in order."""

from collections import deque
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.record import MemoryRecords
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.structs import OffsetAndMetadata

from tests.kafka_clients import THEIRS
from worker.kafka import poll_bound

ALL = 1_000_000
Headers = Sequence[tuple[str, bytes | None]]


@pytest.fixture(autouse=True)
def small_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    poll_bound.install()
    monkeypatch.setattr(poll_bound, "POLL_MAX_BYTES", 10_000)


def partition_records(values: Sequence[bytes], headers: Headers = (), partition: TopicPartition = THEIRS) -> Any:
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 1_000_000_000)
    for number, value in enumerate(values):
        assert builder.append(number, 0, None, value, list(headers)) is not None
    return Fetcher.PartitionRecords(0, partition, MemoryRecords(bytes(builder.build())))


class FakeFetcher(Fetcher):  # type: ignore[misc]  # kafka-python ships no types
    """Kafka-python's fetcher with fetched records of one or more partitions, without a client."""

    def __init__(self, *parts: Any) -> None:
        positions = {
            part.topic_partition: SimpleNamespace(position=OffsetAndMetadata(0, "", -1), highwater=None)
            for part in parts
        }
        self._subscriptions = SimpleNamespace(
            assignment=positions,
            is_assigned=lambda _: True,
            is_fetchable=lambda _: True,
            is_paused=lambda _: False,
            position=lambda partition: positions[partition].position,
        )
        self._next_partition_records = None
        self._next_in_line_exception_metadata = None
        self._completed_fetches: deque[Any] = deque(
            SimpleNamespace(topic_partition=part.topic_partition, fetched_offset=0, part=part) for part in parts
        )
        self._paused_completed_fetches: dict[Any, Any] = {}
        self._paused_partition_records: dict[Any, Any] = {}
        self._sensors = None

    def _parse_fetched_data(self, completed: Any) -> Any:
        return completed.part

    def offsets(self, max_records: int = ALL) -> list[int]:
        """Poll once; return the offsets of the records."""
        drained, _ = self.fetched_records(max_records)
        return [record.offset for record in drained.get(THEIRS, [])]

    def close(self) -> None:
        """Do nothing: there is no client."""

    __del__ = close


def test_a_poll_ends_after_the_record_that_reaches_the_bound_and_the_next_poll_continues() -> None:
    fetcher = FakeFetcher(partition_records([b"x" * 4_000] * 8))
    assert [fetcher.offsets() for _ in range(4)] == [[0, 1, 2], [3, 4, 5], [6, 7], []]


def test_the_bytes_and_the_number_of_headers_count() -> None:
    headers = [("h", b"")] * 40
    fetcher = FakeFetcher(partition_records([b""] * 4, headers))
    assert [fetcher.offsets() for _ in range(3)] == [[0, 1], [2, 3], []]


def test_a_record_above_the_bound_is_returned_alone() -> None:
    fetcher = FakeFetcher(partition_records([b"x" * 50_000] * 2))
    assert [fetcher.offsets() for _ in range(3)] == [[0], [1], []]


def test_small_records_are_bounded_by_their_number_alone() -> None:
    fetcher = FakeFetcher(partition_records([b"x"] * 100))
    assert [len(fetcher.offsets(60)) for _ in range(3)] == [60, 40, 0]


def test_the_bound_is_for_all_partitions_of_a_poll_together() -> None:
    values = [b"x" * 4_000] * 2
    fetcher = FakeFetcher(partition_records(values), partition_records(values, partition=TopicPartition("other", 0)))
    polls = [fetcher.fetched_records(ALL)[0] for _ in range(3)]
    assert [{name.topic: len(records) for name, records in poll.items()} for poll in polls] == [
        {THEIRS.topic: 2, "other": 1},
        {"other": 1},
        {},
    ]


def test_an_error_after_the_first_records_is_raised_by_the_next_poll() -> None:
    part = partition_records([b"x" * 100] * 5)
    whole = part.record_iterator

    def broken() -> Iterator[Any]:
        yield next(whole)
        yield next(whole)
        raise CorruptRecordError("the third record")

    part.record_iterator = broken()
    fetcher = FakeFetcher(part)
    assert fetcher.offsets() == [0, 1]
    with pytest.raises(CorruptRecordError):
        fetcher.offsets()


def test_the_replaced_methods_are_those_that_kafka_python_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trap for later versions of kafka-python."""
    calls: list[str] = []
    monkeypatch.setattr(Fetcher, "_append", lambda *_: calls.append("append"))
    with pytest.raises(TypeError):  # the method returns no number here
        FakeFetcher(partition_records([b"x"])).fetched_records(ALL)
    monkeypatch.undo()
    monkeypatch.setattr(Fetcher.PartitionRecords, "take", lambda *_: calls.append("take"))
    with pytest.raises(TypeError):
        FakeFetcher(partition_records([b"x"])).fetched_records(ALL)
    assert calls == ["append", "take"]
