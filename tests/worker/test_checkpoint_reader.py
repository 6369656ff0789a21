"""Reading states and windows from the end of the checkpoint topic backwards, from a partition in memory."""

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition

from tests.clock import Clock
from tweets.periods import CountedTweet, Period
from tweets.records import OutputRecord, Partition
from worker import checkpoint, time_limits
from worker.counts import CommittedCounts, RunningCounts
from worker.errors import TransientError
from worker.kafka.checkpoints import Checkpoint, CheckpointReader
from worker.partition_state import PartitionState
from worker.settings import Settings
from worker.windows.after_batch import windows_after

SETTINGS = Settings(_env_file=None)
TOPIC, GROUP = SETTINGS.kafka_checkpoint_topic, SETTINGS.kafka_group_id
P0 = Partition("tweets", 0)
AT = TopicPartition(TOPIC, 0)
NOON = 1_700_049_600 // 60
NOW_S = float(NOON * 60)
LATE = 60


class CheckpointTopic:
    """A partition of the checkpoint topic, and a consumer of it; each poll takes `poll_s` and returns `at_once`."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.records: list[OutputRecord | None] = []
        self.state = PartitionState(CommittedCounts(1, 0, RunningCounts()))
        self.poll_s, self.at_once, self.readable = 0.0, 10_000, 10**9
        self._position = 0

    def commit(self, *minutes: int) -> None:
        """Commit a tweet of each of these minutes after noon; each commit moves the input offset by 10."""
        before = self.state
        tweets = [CountedTweet((NOON + minute) * 60_000, "joy", ()) for minute in minutes]
        after = windows_after(before.windows, tweets, NOW_S)
        counts = replace(before.counts, offset=before.counts.offset + 10, counts=before.counts.counts.plus(["joy"]))
        self.state = PartitionState(counts, after.windows, after.records)
        self.write(*checkpoint.encode_state(TOPIC, GROUP, P0, self.state))

    def write(self, *records: OutputRecord) -> None:
        self.records += [*records, None]  # and a transaction marker

    def read(self) -> Checkpoint | None:
        reader = CheckpointReader(self, SETTINGS)
        return reader.newest([P0], {AT: len(self.records)}, with_windows=True).get(P0)

    @property
    def _subscription(self) -> Any:
        return SimpleNamespace(assignment={AT: SimpleNamespace(position=SimpleNamespace(offset=self._position))})

    def assign(self, partitions: list[TopicPartition]) -> None: ...

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._position = offset

    def beginning_offsets(self, partitions: list[TopicPartition], timeout_ms: int) -> Mapping[TopicPartition, int]:
        return {AT: 0}

    def poll(self, timeout_ms: int, max_records: int) -> Mapping[TopicPartition, list[Any]]:
        self.clock.now_s += self.poll_s
        first = self._position
        self._position = max(first, min(first + self.at_once, len(self.records), self.readable))
        found = enumerate(self.records[first : self._position], start=first)
        return {AT: [SimpleNamespace(offset=n, key=each.key, value=each.value) for n, each in found if each]}


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> CheckpointTopic:
    clock = Clock(100.0)
    monkeypatch.setattr("worker.kafka.checkpoints.time", SimpleNamespace(monotonic=clock))
    return CheckpointTopic(clock)


def test_a_short_partition_is_read_whole_and_has_every_closed_period(topic: CheckpointTopic) -> None:
    for minute in range(0, 3 * LATE, 20):
        topic.commit(minute)
    found = topic.read()
    assert found is not None
    assert found.windows is not None
    assert (found.state, found.windows_commit) == (topic.state.counts, topic.state.counts)
    assert (found.windows.minutes, found.windows.complete_since) == (topic.state.windows.minutes, 0)
    assert set(found.windows.closed_lately) == set(topic.state.windows.closed)


@pytest.mark.parametrize("step", [1, 7, 61])
def test_every_period_that_closed_since_the_oldest_commit_in_reach_is_found(topic: CheckpointTopic, step: int) -> None:
    closed_at: dict[Period, int] = {}
    reached = 0
    for number in range(400):
        topic.commit(number * step // 4)
        offset = topic.state.counts.offset
        closed_at |= {period: offset for period in topic.state.windows.closed if period not in closed_at}
        if number % 57 == 56:
            found = topic.read()
            assert found is not None
            assert found.windows is not None
            since = found.windows.complete_since
            assert since is not None
            assert since < offset
            reached = max(reached, since)
            assert {p for p, at in closed_at.items() if at > since} <= set(found.windows.current(NOW_S))
    assert reached > 0, "not the whole partition was read"


def test_a_state_of_a_program_without_windows_leaves_those_of_the_commit_before(topic: CheckpointTopic) -> None:
    topic.commit(0, 90)
    commit = topic.state.counts
    later = CommittedCounts(2, 500, RunningCounts({"joy": 50}))
    for _ in range(400):
        topic.write(checkpoint.encode(TOPIC, GROUP, P0, later))
    found = topic.read()
    assert found is not None
    assert found.windows is not None
    assert (found.state, found.windows_commit) == (later, commit)
    assert set(found.windows.closed) == set(topic.state.windows.closed)


def test_a_long_read_lasts_as_long_as_records_arrive(topic: CheckpointTopic) -> None:
    topic.commit(0)
    topic.write(*[OutputRecord(TOPIC, 0, b"another group", b"", ())] * 100)
    topic.poll_s, topic.at_once = time_limits.CHECKPOINTS.seconds - 1, 10
    found = topic.read()
    assert found is not None
    assert found.windows is not None
    assert topic.clock.now_s > 100 + 5 * time_limits.CHECKPOINTS.seconds


def test_a_read_without_progress_fails_and_names_the_offset(topic: CheckpointTopic) -> None:
    topic.commit(0)
    topic.poll_s, topic.readable = 1.0, 2
    with pytest.raises(TransientError, match=r"checkpoints\[0\]@2: nothing could be read for 6 s"):
        topic.read()
