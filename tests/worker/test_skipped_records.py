"""Records that Kafka deleted before a worker read them: an error, a metric, a number in the committed state."""

import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition, errors

from tests.records import PARTITION
from tests.window_topic import with_windows
from tests.worker.test_offset_lookups import FakeKafkaConsumer
from tests.worker.test_verify import FakeCommittedReader, FakeStoredCounts
from tweets.emotions import EMOTIONS
from tweets.records import OutputRecord, Partition
from worker.counts import CommittedCounts, MetadataLimit, RunningCounts
from worker.errors import ExitCode, FatalError, TransientError
from worker.kafka.committed import Committed, CommittedReader
from worker.kafka.consumer import POLLS_WITHOUT_POSITION, TweetConsumer
from worker.loop import Loop
from worker.membership import CommittedOffset, Membership, PolledRecords, StoredState
from worker.partition_state import PartitionState
from worker.process.metrics import Metrics
from worker.restoring import Restored, Restorer
from worker.settings import Settings
from worker.verify.compare import Wait, verify

TP0 = TopicPartition("tweets", 0)
P0, P1 = Partition("tweets", 0), Partition("tweets", 1)


class ShortenedKafka(FakeKafkaConsumer):
    """Partition 0 has the committed offset 7; `first` is the first offset of every partition."""

    first = 0
    error: Exception | None = None

    def beginning_offsets(self, asked: Any, timeout_ms: int) -> dict[TopicPartition, int]:
        return dict.fromkeys(asked, self.first)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.sought = (partition, offset)

    def poll(self, timeout_ms: float, max_records: int) -> dict[TopicPartition, list[Any]]:
        if self.error is not None:
            raise self.error
        return {}


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> ShortenedKafka:
    client = ShortenedKafka()
    monkeypatch.setattr("worker.kafka.consumer.Consumer", lambda *_, **__: client)
    monkeypatch.setattr("worker.kafka.committed.Consumer", lambda *_, **__: client)
    return client


def consumer() -> TweetConsumer:
    return TweetConsumer(Settings(_env_file=None))


def restored(first: int, committed: CommittedOffset | None) -> Restored:
    return Restorer().restore({P0: with_windows(StoredState(first, committed))}, 5)


def test_a_committed_offset_before_the_first_record_starts_there_with_an_error_that_names_both(
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = restored(87, CommittedOffset(7, RunningCounts({"joy": 1}).to_metadata()))
    assert found.skipped == {P0: 80}
    assert found.uncommitted == {P0}
    assert found.committed_counts == {P0: CommittedCounts(5, 87, RunningCounts({"joy": 1}, skipped=80))}
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage().startswith("tweets[0]: Kafka deleted the records from offset 7 to 86 ")


@pytest.mark.parametrize("first", [0, 7])
def test_a_committed_offset_that_still_has_its_record_skips_nothing(
    caplog: pytest.LogCaptureFixture, first: int
) -> None:
    found = restored(first, CommittedOffset(7, RunningCounts({"joy": 1}).to_metadata()))
    assert found == Restored({P0: CommittedCounts(5, 7, RunningCounts({"joy": 1}))})
    assert not caplog.records


def test_a_group_without_a_committed_offset_has_skipped_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert restored(87, None) == Restored({P0: CommittedCounts(5, 87, RunningCounts())}, frozenset({P0}))
    assert not caplog.records


def test_a_record_that_is_deleted_while_the_worker_runs_is_skipped_by_a_restore(kafka: ShortenedKafka) -> None:
    kafka.first, kafka.error = 87, errors.OffsetOutOfRangeError({TP0: 7})
    with pytest.raises(errors.OffsetOutOfRangeError):
        consumer().poll(timeout_s=0, max_records=1)
    assert kafka.sought == (TP0, 87), "the next poll would fail as well, and the restore comes after a poll"


def test_trap_a_position_in_a_truncated_log_is_refused_at_every_poll(kafka: ShortenedKafka) -> None:
    kafka.assign([TP0])
    kafka._subscription.assignment[TP0].position = SimpleNamespace(offset=7)
    kafka.error = errors.LogTruncationError({TP0: None})
    with pytest.raises(errors.LogTruncationError):
        consumer().poll(timeout_s=0, max_records=1)
    assert kafka.sought == (TP0, 7)


def test_an_offset_beyond_the_end_is_fatal_and_nothing_is_read_again_from_the_beginning(kafka: ShortenedKafka) -> None:
    kafka.first, kafka.error = 3, errors.OffsetOutOfRangeError({TP0: 7})
    with pytest.raises(FatalError, match=r"tweets\[0\]@7: .* beyond the end") as caught:
        consumer().poll(timeout_s=0, max_records=1)
    assert caught.value.exit_code is ExitCode.STATE


def test_a_new_partition_has_no_position_until_the_restore(kafka: ShortenedKafka) -> None:
    kafka.error = errors.NoOffsetForPartitionError({TP0})
    kafka._coordinator = SimpleNamespace(rejoining=False)
    tweets = consumer()
    assert tweets._fetched(0, 1) == []
    kafka.error = None
    assert tweets._fetched(0, 1) == []
    kafka.error = errors.NoOffsetForPartitionError({TP0})
    for _ in range(POLLS_WITHOUT_POSITION - 1):
        assert tweets._fetched(0, 1) == []
    with pytest.raises(errors.NoOffsetForPartitionError):
        tweets._fetched(0, 1)


class SkippingStream:
    """Restores to `start`, then stops the loop; `fail` is raised by that many commits."""

    def __init__(self, start: StoredState, *, fail: int = 0) -> None:
        self.start, self.fail = start, fail
        self.stop = Event()
        self.committed: list[Mapping[Partition, CommittedOffset]] = []
        self.published: list[Sequence[OutputRecord]] = []

    def poll(self, *, timeout_s: float, max_records: int) -> PolledRecords:
        return PolledRecords([], Membership(frozenset({PARTITION}), 5, "member", None))

    def restore(self, membership: Membership) -> Mapping[Partition, StoredState]:
        return {PARTITION: self.start}

    def seek(self, offsets: Mapping[Partition, int]) -> None:
        pass

    def publish(self, records: Sequence[OutputRecord], states: Mapping[Partition, PartitionState]) -> None:
        self.published.append(records)

    def commit(self, offsets: Mapping[Partition, CommittedOffset], membership: Membership) -> None:
        if self.fail:
            self.fail -= 1
            raise TransientError("no answer")
        self.committed.append(offsets)

    def rollback(self) -> None:
        pass

    def lag(self, partition: Partition, offset: int) -> int | None:
        self.stop.set()
        return 0


class RecordedAssignments:
    def __init__(self) -> None:
        self.assigned: list[Mapping[Partition, CommittedCounts]] = []

    def assign(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None:
        self.assigned.append(committed_counts)

    def publish(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None:
        raise AssertionError


class NoLimits:
    def step(self, name: str, limit_s: float) -> AbstractContextManager[None]:
        return nullcontext()


def skipped_after(stream: SkippingStream, sink: RecordedAssignments) -> float:
    metrics = Metrics()
    loop = Loop(
        stream,
        SimpleNamespace(label=lambda records: [], reread_subjects=lambda: None),  # type: ignore[arg-type]
        sink,
        metrics=metrics,
        watchdog=NoLimits(),
        batch_max_tweets=10,
        batch_max_wait_s=0.0,
    )
    loop.run(stream.stop)
    labels = {"topic": PARTITION.topic, "partition": str(PARTITION.number)}
    return metrics.registry.get_sample_value("emotion_records_skipped_total", labels) or 0.0


BEFORE = RunningCounts({"joy": 3}, skipped=2)
AFTER = RunningCounts({"joy": 3}, skipped=82)


@pytest.mark.parametrize("failures", [0, 2])
def test_skipped_records_are_committed_at_once_and_counted_after_the_commit(
    failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.loop.retry_pause_s", lambda _errors: 0.0)
    before = StoredState(87, CommittedOffset(7, BEFORE.to_metadata()))
    stream, sink = SkippingStream(before, fail=failures), RecordedAssignments()
    assert skipped_after(stream, sink) == 80
    assert stream.committed == [{PARTITION: CommittedOffset(87, AFTER.to_metadata())}]
    assert sink.assigned == [{PARTITION: CommittedCounts(5, 87, AFTER)}]
    assert stream.published == [[]] * (failures + 1)


def test_without_skipped_records_a_restore_commits_nothing() -> None:
    before = with_windows(StoredState(0, CommittedOffset(7, BEFORE.to_metadata())))
    stream, sink = SkippingStream(before), RecordedAssignments()
    assert skipped_after(stream, sink) == 0
    assert stream.committed == []


def test_skipped_records_are_in_the_metadata_and_workers_of_the_first_release_can_read_it() -> None:
    metadata = AFTER.to_metadata()
    assert RunningCounts.from_metadata(metadata) == AFTER
    fields = json.loads(metadata)
    assert (fields["v"], fields["counts"]) == (1, {"joy": 3})
    assert AFTER.plus(["joy"]) == RunningCounts({"joy": 4}, skipped=82)


@pytest.mark.parametrize("skipped", ["null", '"80"', "-1", "1.5", "true", "[]", "1e400", str(2**70)])
def test_a_number_that_no_worker_wrote_does_not_cost_the_counts(skipped: str) -> None:
    assert RunningCounts.from_metadata(f'{{"v":1,"counts":{{"joy":3}},"skipped":{skipped}}}') == RunningCounts(
        {"joy": 3}
    )


def test_counts_without_skipped_records_have_the_metadata_of_the_first_release() -> None:
    assert RunningCounts({"joy": 3}).to_metadata() == '{"v":1,"counts":{"joy":3}}'


def test_the_check_of_the_metadata_leaves_room_for_skipped_records() -> None:
    limit = MetadataLimit(EMOTIONS)
    largest = RunningCounts(dict.fromkeys(EMOTIONS, 2**63), skipped=2**63, topic_id="-" * 36, generation_base=2**63)
    assert len(largest.to_metadata()) == limit.bytes_needed() == limit.bytes_needed(AFTER)


@pytest.mark.parametrize(("kept", "deleted"), [(80, 0), (0, 80), (30, 50)])
def test_verify_reports_skipped_records_and_agrees(kept: int, deleted: int) -> None:
    counts = RunningCounts({"joy": 3}, skipped=kept)
    kafka = FakeCommittedReader({P0: Committed(90, counts, deleted)}, {0: RunningCounts({"joy": 3})})
    findings = verify(kafka, FakeStoredCounts({"group|tweets|0": {"joy": 3}}, {"joy": 3}), Wait(0))
    assert all(finding.agrees for finding in findings)
    assert findings[0].detail == "@90: 3 tweets (80 records skipped: Kafka deleted them before a worker read them)"


def test_verify_sees_deleted_records_that_no_worker_has_skipped_yet(kafka: ShortenedKafka) -> None:
    kafka.first, kafka.partitions = 87, 2
    with CommittedReader(Settings(_env_file=None)) as reader:
        assert reader.committed() == {P0: Committed(7, RunningCounts({"joy": 1}), 80)}
