"""Partitions take turns, over a fake of a consumer with backlogs, which returns one partition after the other."""

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition

from worker.kafka.turns import Turns

Backlog = dict[TopicPartition, int]


def partition(number: int) -> TopicPartition:
    return TopicPartition("tweets", number)


class Consumer:
    """Like kafka-python's: returns all records of a partition, then those of the one that has waited for longest."""

    def __init__(self, backlog: list[int]) -> None:
        self.backlog: Backlog = {partition(number): records for number, records in enumerate(backlog)}
        self.waits: list[float] = []
        self._paused: set[TopicPartition] = set()
        self._fetcher = SimpleNamespace(_next_partition_records=None)

    def poll(self, timeout_ms: float, max_records: int) -> dict[TopicPartition, list[Any]]:
        polled: dict[TopicPartition, list[Any]] = {}
        current = self._fetcher._next_partition_records
        order = [current.topic_partition] if current else []
        self._fetcher._next_partition_records = None
        for each in [*order, *(other for other in list(self.backlog) if other not in order)]:
            taken = 0 if each in self._paused else min(max_records, self.backlog[each])
            if taken:
                polled[each] = [each] * taken
                self.backlog[each] = self.backlog.pop(each) - taken
                max_records -= taken
            if taken and self.backlog[each]:
                self._fetcher._next_partition_records = SimpleNamespace(topic_partition=each)
        if not polled:
            self.waits.append(timeout_ms)
        return polled

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
    for _ in range(10):
        consumer.backlog[partition(1)] += 1
        found.append([each.partition for each in turns.poll(1_000, 10)])
    assert sum(0 in each for each in found) >= 5
    assert sum(1 in each for each in found) >= 5


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


@given(st.lists(st.integers(0, 60), min_size=1, max_size=5), st.integers(1, 20))
def test_all_records_are_polled_and_nothing_stays_paused(backlog: list[int], max_records: int) -> None:
    consumer = Consumer(backlog)
    polls = served(consumer, 2 * sum(backlog) + 3, max_records)
    assert (sum(consumer.backlog.values()), polls[-1], consumer.paused()) == (0, [], set())
