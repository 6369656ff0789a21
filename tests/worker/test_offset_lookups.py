"""Look-ups of offsets: as many requests for 1,000 partitions as for one, and no answer from a cache."""

import asyncio
from collections.abc import Callable, Collection
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition, errors
from kafka.coordinator.consumer import ConsumerCoordinator
from kafka.future import Future
from kafka.structs import OffsetAndMetadata

from tests.records import a_prediction, a_record
from tweets.labelled_tweet import LabelledTweetWriter
from tweets.records import Partition
from tweets.tweet import Tweet
from worker.counts import RunningCounts
from worker.kafka.committed import CommittedReader
from worker.kafka.consumer import TweetConsumer
from worker.kafka.offsets import committed_offsets
from worker.membership import CommittedOffset, StoredState
from worker.settings import Settings
from worker.time_limits import TimeLimit

SOON = TimeLimit(0.01, "a test's time limit")
MANY = 1_000


LABELLED = (
    LabelledTweetWriter(
        topic="tweets.emotions", model="m1", classified_at="2024-05-01T00:00:00.000Z", max_bytes=1_000_000
    )
    .write(Tweet("t1", "so happy"), a_record(), a_prediction("joy").json_members())
    .value
)


class FakeKafkaConsumer:
    """Counts requests; partitions with an even number have a committed offset."""

    def __init__(self, *_: str, **__: Any) -> None:
        self.requests: list[str] = []
        self.partitions = 0
        self._coordinator = SimpleNamespace(
            fetch_committed_offsets=self._committed, _join_task=None, _find_coordinator_future=None
        )
        self._subscription = SimpleNamespace(assignment={})
        self._client = SimpleNamespace(cluster=SimpleNamespace(topic_id=lambda _topic: None))
        self._fetcher = SimpleNamespace(
            _parse_fetched_data=lambda fetched: None,
            _next_partition_records=None,
            _next_in_line_exception_metadata=None,
        )

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(self.partitions))

    def _committed(self, asked: list[TopicPartition], timeout_ms: int) -> dict[TopicPartition, OffsetAndMetadata]:
        self.requests.append("committed")
        counts = RunningCounts({"joy": 1}).to_metadata()
        return {each: OffsetAndMetadata(7, counts, -1) for each in asked if each.partition % 2 == 0}

    def beginning_offsets(self, asked: Collection[TopicPartition], timeout_ms: int) -> dict[TopicPartition, int]:
        self.requests.append("first")
        return dict.fromkeys(asked, 0)

    def end_offsets(self, asked: Collection[TopicPartition], timeout_ms: int) -> dict[TopicPartition, int]:
        self.requests.append("end")
        return dict.fromkeys(asked, 1)

    def paused(self) -> set[TopicPartition]:
        return set()

    def assignment(self) -> set[TopicPartition]:
        return set(self._subscription.assignment)

    def assign(self, partitions: Collection[TopicPartition]) -> None:
        at = OffsetAndMetadata(0, "", -1)
        self._subscription.assignment = {partition: SimpleNamespace(position=at) for partition in partitions}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        pass

    def poll(self, timeout_ms: float, max_records: int) -> dict[TopicPartition, list[Any]]:
        self.requests.append("poll")
        for state in self._subscription.assignment.values():
            state.position = OffsetAndMetadata(1, "", -1)
        return {each: [SimpleNamespace(value=LABELLED)] for each in self._subscription.assignment}

    def close(self, **_: Any) -> None:
        pass


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> FakeKafkaConsumer:
    client = FakeKafkaConsumer()
    monkeypatch.setattr("worker.kafka.consumer.Consumer", lambda *_, **__: client)
    monkeypatch.setattr("worker.kafka.committed.Consumer", lambda *_, **__: client)
    return client


def settings() -> Settings:
    return Settings(_env_file=None)


@pytest.mark.parametrize("partitions", [2, MANY])
def test_a_restore_asks_as_often_for_1000_partitions_as_for_two(kafka: FakeKafkaConsumer, partitions: int) -> None:
    consumer = TweetConsumer(settings())
    owned = [Partition("tweets", number) for number in range(partitions)]
    found = consumer.stored(owned)
    assert found[owned[0]] == StoredState(0, CommittedOffset(7, RunningCounts({"joy": 1}).to_metadata()))
    assert found[owned[1]] == StoredState(0)
    assert len(found) == partitions
    assert kafka.requests.count("committed") == 2
    assert len(kafka.requests) <= 4


@pytest.mark.parametrize("partitions", [2, MANY])
def test_verify_asks_as_often_for_1000_partitions_as_for_two(kafka: FakeKafkaConsumer, partitions: int) -> None:
    kafka.partitions = partitions
    with CommittedReader(settings()) as reader:
        found = reader.committed()
        assert len(found) == partitions // 2
        counted = reader.recount([each.number for each in found])
        assert list(counted.values()) == [RunningCounts({"joy": 1})] * len(found)
    assert kafka.requests.count("committed") == 2
    assert len(kafka.requests) <= 6


def test_a_worker_without_partitions_asks_nothing(kafka: FakeKafkaConsumer) -> None:
    kafka._coordinator.fetch_committed_offsets = lambda asked, timeout_ms: {}  # what the coordinator does
    assert TweetConsumer(settings()).stored([]) == {}
    assert kafka.requests == []


class Coordinator(ConsumerCoordinator):  # type: ignore[misc]  # kafka-python ships no types
    """kafka-python's own look-up with its cache, over requests that the test answers."""

    def __init__(self) -> None:
        self.requests: list[tuple[list[TopicPartition], Future]] = []
        self.answer_at_once: dict[TopicPartition, OffsetAndMetadata] | None = None
        self._offset_fetch_futures: dict[Any, Future] = {}
        self.config = {"retry_backoff_ms": 1}
        self._net = SimpleNamespace(run=self._run, sleep=asyncio.sleep)
        self._manager = SimpleNamespace(call_soon=self._send, wait_for=self._wait)

    def __del__(self) -> None:
        pass

    def _run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return asyncio.run(work(*arguments))

    async def ensure_coordinator_ready_async(self, timeout_ms: float) -> bool:
        return True

    def _send(self, _request: object, partitions: list[TopicPartition]) -> Future:
        future = Future()
        self.requests.append((partitions, future))
        if self.answer_at_once is not None:
            future.success(self.answer_at_once)
        return future

    async def _wait(self, future: Future, timeout_ms: float) -> None:
        if not future.is_done:
            raise errors.KafkaTimeoutError


PARTITIONS = [TopicPartition("tweets", number) for number in range(3)]
OLD = {partition: OffsetAndMetadata(3, "old", -1) for partition in PARTITIONS}
NEW = {partition: OffsetAndMetadata(9, "new", -1) for partition in PARTITIONS}


@pytest.mark.parametrize("asked_before", [PARTITIONS, PARTITIONS[::-1], PARTITIONS[:1]], ids=["same", "order", "one"])
def test_trap_a_look_up_that_timed_out_never_answers_a_later_look_up(asked_before: list[TopicPartition]) -> None:
    coordinator = Coordinator()
    consumer = SimpleNamespace(_coordinator=coordinator)
    with pytest.raises(errors.KafkaTimeoutError):
        committed_offsets(consumer, asked_before, SOON)
    (request,) = coordinator.requests
    request[1].success(OLD)
    coordinator.answer_at_once = NEW
    assert committed_offsets(consumer, PARTITIONS, SOON) == NEW
    assert coordinator._offset_fetch_futures.keys() <= {frozenset(PARTITIONS[:1])}


def test_a_look_up_whose_second_answer_is_missing_fails() -> None:
    coordinator = Coordinator()
    with pytest.raises(errors.KafkaTimeoutError):
        committed_offsets(SimpleNamespace(_coordinator=coordinator), PARTITIONS, SOON)
    coordinator.requests[0][1].success(OLD)  # the first answer comes from the cache, the second does not come
    with pytest.raises(errors.KafkaTimeoutError):
        committed_offsets(SimpleNamespace(_coordinator=coordinator), PARTITIONS, SOON)
    assert len(coordinator.requests) == 2


def test_records_of_an_open_transaction_are_before_the_end_that_readers_of_committed_records_do_not_reach(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Consumer(FakeKafkaConsumer):
        def __init__(self, **options: Any) -> None:
            super().__init__()
            self.partitions = 1
            self.end = 7 if options["isolation_level"] == "read_uncommitted" else 1

        def end_offsets(self, asked: Collection[TopicPartition], timeout_ms: int) -> dict[TopicPartition, int]:
            return dict.fromkeys(asked, self.end)

    for module in ("committed", "checkpoints"):
        monkeypatch.setattr(f"worker.kafka.{module}.Consumer", Consumer)
    with CommittedReader(settings()) as reader:
        reader.recount([0])
        assert (reader.output_end(0), reader.output_uncommitted_ends([0])) == (1, {0: 7})
