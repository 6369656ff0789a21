"""Offsets without records (transaction markers, aborted records): committed once passed, and no lag."""

from collections.abc import Mapping, Sequence
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition

from tests.records import PARTITION, a_record
from tests.window_topic import with_windows
from tests.worker.test_offset_lookups import FakeKafkaConsumer
from tests.worker.test_skipped_records import NoLimits
from tweets.records import OutputRecord, Partition, Record
from worker.counts import CommittedCounts, RunningCounts
from worker.errors import TransientError
from worker.kafka.consumer import TweetConsumer
from worker.labelling import RecordOutcome
from worker.loop import Loop
from worker.membership import CommittedOffset, Membership, PolledRecords, StoredState
from worker.partition_state import PartitionState
from worker.process.metrics import Metrics
from worker.settings import Settings

OTHER = Partition(PARTITION.topic, PARTITION.number + 1)
OWNED = Membership(frozenset({PARTITION, OTHER}), 5, "member", None)
NEXT = Membership(frozenset({PARTITION, OTHER}), 6, "member", None)
START = with_windows(StoredState(0, CommittedOffset(7, RunningCounts({"joy": 3}).to_metadata())))


def polled(*offsets: int, read_to: Mapping[Partition, int], membership: Membership = OWNED) -> PolledRecords:
    return PolledRecords([a_record(offset=offset) for offset in offsets], membership, read_to)


class PassingStream:
    """Returns these polls and then stops the loop; both partitions start at 7; `fail` commits fail first."""

    def __init__(self, *polls: PolledRecords, fail: int = 0) -> None:
        self.polls, self.fail = list(polls), fail
        self.stop = Event()
        self.committed: list[dict[Partition, int]] = []
        self.counts: list[str | None] = []

    def poll(self, *, timeout_s: float, max_records: int) -> PolledRecords:
        if not self.polls:
            self.stop.set()
            return PolledRecords([], OWNED)
        return self.polls.pop(0)

    def restore(self, membership: Membership) -> Mapping[Partition, StoredState]:
        return dict.fromkeys((PARTITION, OTHER), START)

    def seek(self, offsets: Mapping[Partition, int]) -> None:
        pass

    def publish(self, records: Sequence[OutputRecord], states: Mapping[Partition, PartitionState]) -> None:
        pass

    def commit(self, offsets: Mapping[Partition, CommittedOffset], membership: Membership) -> None:
        if self.fail:
            self.fail -= 1
            raise TransientError("no answer")
        self.committed.append({partition: at.offset for partition, at in offsets.items()})
        self.counts += [at.metadata for at in offsets.values()]

    def rollback(self) -> None:
        pass

    def lag(self, partition: Partition, offset: int) -> int | None:
        return None


class RecordedPublishes:
    def __init__(self) -> None:
        self.published: list[Mapping[Partition, CommittedCounts]] = []

    def assign(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None:
        pass

    def publish(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None:
        self.published.append(committed_counts)


class JoyLabeller:
    computed_texts = 0

    def reread_subjects(self) -> None:
        pass

    def label(self, records: Sequence[Record]) -> list[RecordOutcome]:
        output = OutputRecord("tweets.emotions", PARTITION.number, None, b"{}", [])
        return [RecordOutcome(record, output, "joy", 0.5) for record in records]


def run(stream: PassingStream) -> RecordedPublishes:
    sink = RecordedPublishes()
    loop = Loop(
        stream,
        JoyLabeller(),  # type: ignore[arg-type]
        sink,
        metrics=Metrics(),
        watchdog=NoLimits(),
        batch_max_tweets=10,
        batch_max_wait_s=0.0,
    )
    loop.run(stream.stop)
    return sink


def nothing(read_to: Mapping[Partition, int], membership: Membership = OWNED) -> PolledRecords:
    return polled(read_to=read_to, membership=membership)


RESTORES = nothing({})


def test_a_batch_commits_the_offset_after_the_markers_that_follow_its_last_record() -> None:
    stream = PassingStream(RESTORES, polled(7, 8, read_to={PARTITION: 10, OTHER: 7}))
    sink = run(stream)
    assert stream.committed == [{PARTITION: 10}]
    assert sink.published == [{PARTITION: CommittedCounts(5, 10, RunningCounts({"joy": 5}))}]


def test_markers_of_a_partition_without_records_are_committed_with_the_batch_of_another() -> None:
    stream = PassingStream(RESTORES, polled(7, read_to={PARTITION: 8, OTHER: 9}))
    run(stream)
    assert stream.committed == [{PARTITION: 8, OTHER: 9}]


def test_markers_that_come_alone_are_committed_while_idle_and_change_no_count() -> None:
    stream = PassingStream(RESTORES, nothing({PARTITION: 9, OTHER: 7}), nothing({PARTITION: 9, OTHER: 7}))
    sink = run(stream)
    assert stream.committed == [{PARTITION: 9}]
    assert stream.counts == [RunningCounts({"joy": 3}).to_metadata()]
    assert sink.published == [{PARTITION: CommittedCounts(5, 9, RunningCounts({"joy": 3}))}]


def test_an_idle_stream_without_markers_commits_nothing() -> None:
    stream = PassingStream(RESTORES, *[nothing({PARTITION: 7, OTHER: 7})] * 3)
    run(stream)
    assert stream.committed == []


def test_positions_that_come_with_a_new_membership_are_not_committed() -> None:
    # The client moves positions during a rebalance, for instance to the end of what another member has processed.
    stream = PassingStream(RESTORES, nothing({PARTITION: 50}, NEXT), nothing({}, NEXT))
    run(stream)
    assert stream.committed == []


def test_positions_from_before_an_error_are_not_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.loop.retry_pause_s", lambda _errors: 0.0)
    stream = PassingStream(RESTORES, polled(7, read_to={PARTITION: 20}), nothing({PARTITION: 20}), fail=1)
    run(stream)
    assert stream.committed == []


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> FakeKafkaConsumer:
    client = FakeKafkaConsumer()
    monkeypatch.setattr("worker.kafka.consumer.Consumer", lambda *_, **__: client)
    return client


P0, TP0 = Partition("tweets", 0), TopicPartition("tweets", 0)


def fetched(client: Any, *, stable: int, high: int) -> None:
    data = SimpleNamespace(last_stable_offset=stable, high_watermark=high)
    client._fetcher._parse_fetched_data(SimpleNamespace(topic_partition=TP0, partition_data=data))


def at(client: FakeKafkaConsumer, position: int) -> None:
    client._subscription.assignment[TP0] = SimpleNamespace(position=SimpleNamespace(offset=position))


@pytest.mark.parametrize(
    ("committed", "position", "stable", "high", "lag"),
    [
        (7, 7, 12, 12, 5),  # five records wait
        (7, 12, 12, 12, 5),  # fetched and not committed yet: a slow model has a part of a batch to label
        (12, 12, 12, 12, 0),
        (7, 7, 7, 60, 0),  # records of an open transaction
        (7, 9, 12, 60, 5),
        (12, 7, 12, 12, 0),  # the position is not restored yet
    ],
)
def test_the_lag_counts_what_a_reader_of_committed_records_can_read(
    kafka: FakeKafkaConsumer, committed: int, position: int, stable: int, high: int, lag: int
) -> None:
    tweets = TweetConsumer(Settings(_env_file=None))
    at(kafka, position)
    fetched(kafka, stable=stable, high=high)
    assert tweets.lag(P0, committed) == lag


def test_the_lag_is_unknown_before_the_first_fetch_and_for_a_partition_of_another_worker(
    kafka: FakeKafkaConsumer,
) -> None:
    tweets = TweetConsumer(Settings(_env_file=None))
    at(kafka, 7)
    assert tweets.lag(P0, 7) is None
    fetched(kafka, stable=-1, high=-1)  # an error
    assert tweets.lag(P0, 7) is None
    fetched(kafka, stable=12, high=12)
    kafka._subscription.assignment.clear()
    assert tweets.lag(P0, 7) is None


def test_the_lag_of_1000_partitions_walks_through_the_partitions_once(kafka: FakeKafkaConsumer) -> None:
    tweets = TweetConsumer(Settings(_env_file=None))
    kafka.assign([TopicPartition("tweets", number) for number in range(1_000)])
    for number in range(1_000):
        tweets.lag(Partition("tweets", number), 0)
    assert kafka.requests == []
    assert not hasattr(kafka, "position")  # KafkaConsumer.position looks at every partition in each call
