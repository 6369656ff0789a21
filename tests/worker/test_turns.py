"""Partitions take turns, over kafka-python's own fetcher and a fake of its consumer and of the brokers."""

from collections import deque
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.record import MemoryRecords
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.structs import OffsetAndMetadata

from worker.kafka.turns import Turns


def partition(number: int) -> TopicPartition:
    return TopicPartition("tweets", number)


class UnreadableError(Exception):
    """A record cannot be read."""


class FetcherOfBacklogs(Fetcher):  # type: ignore[misc]  # kafka-python ships no types
    """Kafka-python's fetcher; a fetch returns all records of each partition that kafka-python would fetch now."""

    def __init__(self, backlog: dict[TopicPartition, int], paused: set[TopicPartition]) -> None:
        self.backlog = backlog
        self.unreadable: set[tuple[TopicPartition, int]] = set()
        self.states = {each: SimpleNamespace(position=OffsetAndMetadata(0, "", -1), highwater=None) for each in backlog}
        self._subscriptions = SimpleNamespace(
            assignment=self.states,
            is_assigned=self.states.__contains__,
            is_fetchable=lambda each: each in self.states and each not in paused,
            is_paused=paused.__contains__,
            position=lambda each: self.states[each].position,
            fetchable_partitions=lambda: [each for each in self.states if each not in paused],
        )
        self._next_partition_records: Any = None
        self._next_in_line_exception_metadata = None
        self._completed_fetches: deque[Any] = deque()
        self._paused_completed_fetches: dict[Any, Any] = {}
        self._paused_partition_records: dict[Any, Any] = {}
        self._sensors = None

    def fetch(self) -> None:
        for each in self._fetchable_partitions():
            first, end = self.states[each].position.offset, self.backlog[each]
            if first < end:
                self._completed_fetches.append(SimpleNamespace(topic_partition=each, fetched_offset=first, end=end))

    def _parse_fetched_data(self, completed: Any) -> Any:
        builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 1_000_000)
        for number in range(completed.end - completed.fetched_offset):
            assert builder.append(number, 0, None, b"value", []) is not None
        data = builder.build()
        data[0:8] = completed.fetched_offset.to_bytes(8, "big")
        part = Fetcher.PartitionRecords(
            completed.fetched_offset, completed.topic_partition, MemoryRecords(bytes(data)), check_crcs=False
        )
        part.record_iterator = self._until_unreadable(part, part.record_iterator)
        return part

    def _until_unreadable(self, part: Any, records: Iterator[Any]) -> Iterator[Any]:
        for record in records:
            if (part.topic_partition, record.offset) in self.unreadable:
                part.next_fetch_offset = record.offset
                raise UnreadableError
            yield record

    def close(self) -> None:
        """Do nothing: there is no client."""

    __del__ = close


class Consumer:
    """The part of kafka-python's consumer that is polled; `backlog` has the number of records of each partition."""

    def __init__(self, backlog: list[int]) -> None:
        self.backlog = {partition(number): records for number, records in enumerate(backlog)}
        self.waits: list[float] = []
        self._paused: set[TopicPartition] = set()
        self._fetcher = FetcherOfBacklogs(self.backlog, self._paused)

    def poll(self, timeout_ms: float, max_records: int) -> dict[TopicPartition, list[Any]]:
        """Do what KafkaConsumer.poll does: return buffered records, fetch, and with a time-out wait for the answer."""
        polled, partial = self._fetcher.fetched_records(max_records)
        if not partial:
            self._fetcher.fetch()
        if not polled and timeout_ms:
            polled, _ = self._fetcher.fetched_records(max_records)
        if not polled:
            self.waits.append(timeout_ms)
        return dict(polled)

    def left(self) -> int:
        """Return how many records were not polled, nor passed over by a seek."""
        return sum(end - self._fetcher.states[each].position.offset for each, end in self.backlog.items())

    def assignment(self) -> set[TopicPartition]:
        return set(self.backlog)

    def paused(self) -> set[TopicPartition]:
        return set(self._paused)

    def pause(self, *partitions: TopicPartition) -> None:
        assert not self._paused & set(partitions)
        self._paused |= set(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        assert self._paused >= set(partitions)
        self._paused -= set(partitions)


def served(consumer: Consumer, polls: int, max_records: int) -> list[list[int]]:
    """Return the numbers of the partitions that each poll returned."""
    turns = Turns(consumer)
    return [[each.partition for each in turns.poll(1_000, max_records)] for _ in range(polls)]


def test_each_partition_of_a_backlog_has_its_turn_before_one_has_the_next() -> None:
    assert served(Consumer([100, 100, 100]), 6, 10) == [[0], [1], [2], [0], [1], [2]]


def test_a_partition_alone_with_a_backlog_has_every_turn_and_no_poll_waits() -> None:
    consumer = Consumer([100, 0, 0])
    assert served(consumer, 10, 10) == [[0]] * 10
    assert set(consumer.waits) == {0}


def test_a_worker_with_one_partition_pauses_nothing() -> None:
    consumer = Consumer([100])
    assert served(consumer, 4, 10) == [[0]] * 4
    assert (consumer.paused(), consumer.waits) == (set(), [])


def test_a_partition_with_few_records_at_each_poll_keeps_no_other_from_its_turn() -> None:
    consumer, found = Consumer([1_000, 0]), []
    turns = Turns(consumer)
    for _ in range(20):
        consumer.backlog[partition(1)] += 1
        found.append([each.partition for each in turns.poll(1_000, 10)])
    assert sum(0 in each for each in found) >= 8
    assert sum(1 in each for each in found) >= 8


def test_a_poll_waits_as_long_as_asked_if_there_are_no_records() -> None:
    consumer = Consumer([15, 0])
    assert served(consumer, 3, 10) == [[0], [0], []]
    assert consumer.waits == [0, 1_000]
    assert consumer.paused() == set()


def test_a_partition_that_is_given_away_during_its_turn_is_not_paused() -> None:
    consumer = Consumer([100, 100])
    consumer.assignment = lambda: {partition(1)}  # type: ignore[method-assign]
    assert served(consumer, 1, 10) == [[0]]
    assert consumer.paused() == set()


def test_trap_the_records_of_a_resumed_partition_are_never_returned_after_those_of_another_one() -> None:
    consumer = Consumer([30, 5])
    consumer.poll(1_000, 10)  # of partition 0, whose other records are kept
    consumer.pause(partition(0))
    consumer.poll(1_000, 10)  # all of partition 1
    consumer.resume(partition(0))
    assert [consumer.poll(1_000, 10) for _ in range(3)] == [{}, {}, {}]
    assert served(consumer, 2, 10) == [[0], [0]]


@given(st.lists(st.integers(0, 60), min_size=1, max_size=5), st.integers(1, 20))
def test_all_records_are_polled_in_their_order_and_nothing_stays_paused(backlog: list[int], max_records: int) -> None:
    consumer = Consumer(backlog)
    turns = Turns(consumer)
    offsets: dict[TopicPartition, list[int]] = {each: [] for each in consumer.backlog}
    for _ in range(2 * sum(backlog) + 5):
        for each, records in turns.poll(1_000, max_records).items():
            offsets[each] += [record.offset for record in records]
    assert offsets == {each: list(range(end)) for each, end in consumer.backlog.items()}
    assert consumer.paused() == set()


@given(
    st.lists(st.integers(0, 60), min_size=2, max_size=5),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 60)), max_size=10),
)
def test_after_a_seek_everything_from_there_is_polled(backlog: list[int], seeks: list[tuple[int, int]]) -> None:
    consumer = Consumer(backlog)
    turns = Turns(consumer)
    for number, offset in seeks:
        turns.poll(1_000, 7)
        place = partition(number % len(backlog))
        consumer._fetcher.states[place].position = OffsetAndMetadata(min(offset, consumer.backlog[place]), "", -1)
    for _ in range(2 * sum(backlog) + 5):
        turns.poll(1_000, 7)
    assert (consumer.left(), consumer.paused()) == (0, set())


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=4),
    st.sets(st.tuples(st.integers(0, 3), st.integers(0, 29)), max_size=6),
    st.integers(1, 20),
)
def test_an_unreadable_record_is_an_error_that_no_pause_hides(
    backlog: list[int], unreadable: set[tuple[int, int]], max_records: int
) -> None:
    consumer = Consumer(backlog)
    turns, fetcher = Turns(consumer), consumer._fetcher
    bad = {(partition(number), offset) for number, offset in unreadable if number < len(backlog)}
    fetcher.unreadable = {(place, offset) for place, offset in bad if offset < consumer.backlog[place]}
    found: list[tuple[TopicPartition, int]] = []
    for _ in range(2 * sum(backlog) + 5):
        try:
            found += [
                (place, record.offset) for place, each in turns.poll(1_000, max_records).items() for record in each
            ]
        except UnreadableError:
            place = fetcher._next_partition_records.topic_partition
            offset = fetcher.states[place].position.offset
            fetcher._next_partition_records.drain()
            fetcher.states[place].position = OffsetAndMetadata(offset + 1, "", -1)
            assert (place, offset) in fetcher.unreadable
            found.append((place, offset))
    assert sorted(found) == sorted((place, offset) for place, end in consumer.backlog.items() for offset in range(end))
