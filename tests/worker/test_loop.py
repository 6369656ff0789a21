"""The loop's own promises that need no schedule: order of calls, what is counted when, readiness, time limits."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from types import MappingProxyType

import pytest

from tests.records import PARTITION, a_prediction, a_record, a_tweet_record
from tweets.prediction import Prediction
from tweets.records import OutputRecord, Partition, Record
from worker.counts import CommittedCounts, RunningCounts
from worker.errors import ExitCode, FatalError, TransientError
from worker.labelling import Labeller, OutputTopics
from worker.loop import Loop
from worker.membership import CommittedOffset, Membership, PolledRecords
from worker.process.metrics import Metrics
from worker.time_limits import TimeLimit

OWNED = Membership(frozenset({PARTITION}), 5, "member-1", "client_metadata")
NOT_JOINED = Membership(frozenset({PARTITION}), -1, "", "client_metadata")


@dataclass
class ScriptedStream:
    """Polls follow a script and then stop the loop; every call is written down."""

    polls: list[PolledRecords | Exception]
    stop: Event
    fail: dict[str, list[Exception]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    positions: dict[Partition, CommittedOffset] = field(default_factory=lambda: {PARTITION: CommittedOffset(7, None)})
    committed: list[Mapping[Partition, CommittedOffset]] = field(default_factory=list)
    published: list[Sequence[OutputRecord]] = field(default_factory=list)
    owners: list[Membership] = field(default_factory=list)

    def poll(self, *, timeout_s: float, max_records: int) -> PolledRecords:
        if not self.polls:
            self.stop.set()
            return PolledRecords([], OWNED)
        self._call("poll")
        polled = self.polls.pop(0)
        if isinstance(polled, Exception):
            raise polled
        return polled

    def restore(self, membership: Membership) -> Mapping[Partition, CommittedOffset]:
        self._call("restore")
        return {partition: self.positions[partition] for partition in sorted(membership.partitions)}

    def publish(self, outgoing: Sequence[OutputRecord]) -> None:
        self._call("publish")
        self.published.append(outgoing)

    def commit(self, positions: Mapping[Partition, CommittedOffset], membership: Membership) -> None:
        self._call("commit")
        self.committed.append(positions)
        self.owners.append(membership)

    def rollback(self) -> None:
        self._call("rollback")

    def lag(self, partition: Partition, offset: int) -> int | None:
        return 100 - offset

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.fail.get(name):
            raise self.fail[name].pop(0)


@dataclass
class WrittenDown:
    """A teller and a watchdog that write down what they hear."""

    calls: list[str]
    owned: list[dict[Partition, CommittedCounts]] = field(default_factory=list)
    told: list[dict[Partition, CommittedCounts]] = field(default_factory=list)
    limits_s: dict[str, float] = field(default_factory=dict)

    def assign(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None:
        self.calls.append("own")
        self.owned.append(dict(committed_counts))

    def publish(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None:
        self.calls.append("tell")
        self.told.append(dict(committed_counts))

    @contextmanager
    def step(self, name: str, limit_s: float) -> Iterator[None]:
        self.limits_s[name] = limit_s
        yield


class AlwaysJoy:
    model_id = "joyful"

    def classify(self, texts: Sequence[str]) -> Sequence[Prediction]:
        return [a_prediction("joy", 0.75) for _ in texts]

    def probe(self) -> None:
        """Well."""


class Running:
    def __init__(
        self,
        *polls: PolledRecords | Exception,
        batch_max_tweets: int = 10,
        fail: Mapping[str, Sequence[Exception]] = MappingProxyType({}),
    ) -> None:
        """`fail`: for each call of the stream the errors that it raises at first, one at a time."""
        self.stop = Event()
        faults = {call: list(errors) for call, errors in fail.items()}
        self.stream = ScriptedStream(list(polls), self.stop, faults)
        self.ears = WrittenDown(self.stream.calls)
        self.metrics = Metrics()
        self.loop = Loop(
            self.stream,
            Labeller(AlwaysJoy(), OutputTopics("out", "dead", 10_000), self.metrics, tweet_max_chars=100),
            self.ears,
            metrics=self.metrics,
            watchdog=self.ears,
            batch_max_tweets=batch_max_tweets,
            batch_max_wait_s=0.0,
        )

    def run(self) -> "Running":
        self.loop.run(self.stop)
        return self

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)

    def confusion(self) -> dict[tuple[str, str], float]:
        """What was counted for each label that tweets said and each emotion that the model said."""
        samples = next(iter(self.metrics.confusion.collect())).samples
        return {(sample.labels["label"], sample.labels["emotion"]): sample.value for sample in samples}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.time_limits.RETRY_PAUSE", TimeLimit(0, "no pause"))


def _tweets(*offsets: int, membership: Membership = OWNED) -> PolledRecords:
    return PolledRecords([a_tweet_record(offset) for offset in offsets], membership)


NOTHING = PolledRecords([], OWNED)


def test_a_batch_goes_through_all_steps_in_order_and_redis_hears_of_it_last() -> None:
    running = Running(NOTHING, _tweets(7, 8)).run()
    assert running.stream.calls == ["poll", "restore", "own", "poll", "publish", "commit", "tell"]
    assert running.ears.owned == [{PARTITION: CommittedCounts(5, 7, RunningCounts())}]
    assert running.ears.told == [{PARTITION: CommittedCounts(5, 9, RunningCounts({"joy": 2}))}]
    assert running.stream.committed == [{PARTITION: CommittedOffset(9, RunningCounts({"joy": 2}).to_metadata())}]
    assert running.stream.owners == [OWNED]


def test_counts_go_on_from_the_note_beside_the_committed_offset() -> None:
    running = Running(NOTHING, _tweets(7))
    running.stream.positions[PARTITION] = CommittedOffset(7, RunningCounts({"joy": 40, "fear": 2}).to_metadata())
    running.run()
    assert running.ears.told == [{PARTITION: CommittedCounts(5, 8, RunningCounts({"joy": 41, "fear": 2}))}]


def test_without_readable_metadata_counting_starts_from_zero_with_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    running = Running(NOTHING, _tweets(7))
    running.stream.positions[PARTITION] = CommittedOffset(7, "")
    running.run()
    assert "tweets[3]@7: the committed offset has no readable offset metadata" in caplog.text
    assert [record.levelname for record in caplog.records].count("ERROR") == 1
    assert running.ears.told == [{PARTITION: CommittedCounts(5, 8, RunningCounts({"joy": 1}))}]


def test_a_partition_that_never_committed_is_no_reason_to_shout(caplog: pytest.LogCaptureFixture) -> None:
    Running(NOTHING).run()
    assert "ERROR" not in [record.levelname for record in caplog.records]


def test_records_that_come_with_a_new_ownership_are_dropped_and_fetched_again() -> None:
    running = Running(_tweets(7), _tweets(7)).run()
    assert running.stream.calls == ["poll", "restore", "own", "poll", "publish", "commit", "tell"]
    assert len(running.stream.published) == 1


def test_outside_the_group_nothing_is_restored_or_processed() -> None:
    running = Running(_tweets(7, membership=NOT_JOINED), _tweets(7, membership=NOT_JOINED)).run()
    assert set(running.stream.calls) == {"poll", "restore", "own"}  # joined only by the poll that ends the script
    assert running.stream.calls[:2] == ["poll", "poll"]


def test_a_worker_is_ready_once_it_is_joined_and_restored_and_not_while_it_recovers() -> None:
    seen: list[bool] = []

    class Watching(ScriptedStream):
        def poll(self, *, timeout_s: float, max_records: int) -> PolledRecords:
            seen.append(running.loop.ready)
            return super().poll(timeout_s=timeout_s, max_records=max_records)

    running = Running()
    script: list[PolledRecords | Exception] = [
        PolledRecords([], NOT_JOINED),
        NOTHING,
        TransientError("gone"),
        NOTHING,
        NOTHING,
    ]
    running.loop._stream = Watching(script, running.stop)
    running.run()
    assert seen == [False, False, True, False, True, True]


def test_owning_no_partition_is_being_ready() -> None:
    nothing_owned = Membership(frozenset(), 5, "member-1", "client_metadata")
    running = Running(PolledRecords([], nothing_owned))
    running.stop.is_set = lambda: not running.stream.polls  # type: ignore[method-assign]
    running.run()
    assert running.loop.ready
    assert running.ears.owned == [{}]


@pytest.mark.parametrize("step", ["publish", "commit"])
def test_nothing_is_counted_before_its_commit(step: str) -> None:
    running = Running(NOTHING, _tweets(7), NOTHING, fail={step: [TransientError("broker gone")]}).run()
    assert running.value("emotion_tweets_consumed_total") == 0
    assert running.value("emotion_tweets_classified_total", emotion="joy") is None
    assert running.value("emotion_transactions_total", outcome="aborted") == 1
    assert running.value("emotion_transactions_total", outcome="committed") is None
    assert running.ears.told == []


@pytest.mark.parametrize("step", ["poll", "restore", "publish", "commit"])
def test_after_a_fault_comes_a_rollback_and_then_a_restore(step: str) -> None:
    polls = [NOTHING, _tweets(7), NOTHING, _tweets(7), NOTHING, _tweets(7)]
    running = Running(*polls, fail={step: [TransientError("broker gone")]}).run()
    calls = running.stream.calls
    failed = calls.index(step)
    assert calls[failed + 1] == "rollback"
    assert calls[failed + 2 : failed + 5] == ["poll", "restore", "own"]
    assert "tell" in calls[failed:]


def test_a_rollback_that_fails_is_repeated_before_anything_else() -> None:
    faults: list[Exception] = [TransientError("still gone")] * 2
    running = Running(NOTHING, _tweets(7), NOTHING, fail={"commit": [TransientError("gone")], "rollback": faults}).run()
    after = running.stream.calls[running.stream.calls.index("commit") + 1 :]
    assert after[:4] == ["rollback", "rollback", "rollback", "poll"]


def test_a_fatal_fault_ends_the_loop_at_once() -> None:
    running = Running(NOTHING, _tweets(7), fail={"commit": [FatalError("fenced", ExitCode.FENCED)]})
    with pytest.raises(FatalError, match="fenced"):
        running.run()
    assert running.stream.calls[-1] == "commit"


def test_pauses_between_attempts_double_up_to_a_limit_and_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.time_limits.RETRY_PAUSE", TimeLimit(0.1, "the first pause"))
    pauses: list[float] = []

    def wait(timeout: float | None = None) -> bool:
        pauses.append(timeout or 0.0)
        return False

    running = Running(*[TransientError("gone")] * 12)
    running.stop.wait = wait  # type: ignore[method-assign]
    running.run()
    longest = [min(5.0, 0.1 * 2**attempt) for attempt in range(12)]
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, longest, strict=True))
    assert len({round(pause / most, 6) for pause, most in zip(pauses, longest, strict=True)}) > 6


def test_labels_that_the_model_knows_are_counted_beside_what_it_said() -> None:
    labels = ["joy", "anger", "anger", "bliss", None]  # a made-up label would be a new series for each of them
    records = [a_tweet_record(offset, label=label) for offset, label in enumerate(labels)]
    running = Running(NOTHING, PolledRecords(records, OWNED)).run()
    assert running.confusion() == {("joy", "joy"): 1, ("anger", "joy"): 2}


def test_what_is_committed_is_counted() -> None:
    records: list[Record] = [
        a_tweet_record(7),
        a_record(b"[", offset=8),
        a_tweet_record(9, text=""),
        a_tweet_record(10),
    ]
    running = Running(NOTHING, PolledRecords(records, OWNED)).run()
    assert running.value("emotion_tweets_consumed_total") == 4
    assert running.value("emotion_tweets_classified_total", emotion="joy") == 2
    assert running.value("emotion_tweets_dead_lettered_total", reason="not_json") == 1
    assert running.value("emotion_tweets_dead_lettered_total", reason="blank_text") == 1
    assert running.value("emotion_transactions_total", outcome="committed") == 1
    assert running.value("emotion_batch_tweets_sum") == 4
    assert running.value("emotion_confidence_sum", emotion="joy") == 1.5
    assert not running.confusion()
    assert running.value("emotion_end_to_end_seconds_count") == 4
    for stage in ("wait", "decode", "publish", "commit"):
        assert running.value("emotion_stage_seconds_count", stage=stage) == 1
    assert (running.value("emotion_last_commit_timestamp_seconds") or 0) > 1.7e9
    assert (running.value("emotion_first_fetch_timestamp_seconds") or 0) > 1.7e9


def test_dead_letters_move_the_position_but_no_count() -> None:
    running = Running(NOTHING, PolledRecords([a_record(b"[", offset=7)], OWNED)).run()
    assert running.stream.committed == [{PARTITION: CommittedOffset(8, RunningCounts().to_metadata())}]
    (outgoing,) = running.stream.published[0]
    assert outgoing.topic == "dead"


def test_lag_is_shown_for_owned_partitions_and_goes_with_them() -> None:
    labels = {"topic": "tweets", "partition": "3"}
    running = Running(NOTHING, _tweets(7)).run()
    assert running.value("emotion_consumer_lag", **labels) == 92
    assert (running.value("emotion_consumer_lag_seconds", **labels) or 0) > 0
    other = Partition("tweets", 4)
    elsewhere = Membership(frozenset({other}), 6, "member-1", "client_metadata")
    running = Running(NOTHING, _tweets(7), PolledRecords([], elsewhere))
    running.stream.positions[other] = CommittedOffset(0, None)
    running.stop.is_set = lambda: not running.stream.polls  # type: ignore[method-assign]
    running.run()
    assert running.value("emotion_consumer_lag", **labels) is None
    assert running.value("emotion_consumer_lag_seconds", **labels) is None


def test_a_record_without_a_timestamp_counts_but_has_no_age() -> None:
    records = [a_record(offset=7, timestamp_ms=-1)]
    running = Running(NOTHING, PolledRecords(records, OWNED)).run()
    assert running.value("emotion_tweets_consumed_total") == 1
    assert running.value("emotion_end_to_end_seconds_count") == 0


def test_a_rebalance_is_counted_and_a_recovery_in_the_same_generation_is_not() -> None:
    again = Membership(OWNED.partitions, 6, "member-1", "client_metadata")
    running = Running(NOTHING, TransientError("gone"), NOTHING, PolledRecords([], again))
    running.stop.is_set = lambda: not running.stream.polls  # type: ignore[method-assign]
    running.run()
    assert running.stream.calls.count("restore") == 3
    assert running.value("emotion_rebalances_total") == 2


def test_a_full_batch_does_not_wait_for_more_and_a_poll_asks_for_no_more_than_fits() -> None:
    asked: list[int] = []

    class Asking(ScriptedStream):
        def poll(self, *, timeout_s: float, max_records: int) -> PolledRecords:
            asked.append(max_records)
            return super().poll(timeout_s=timeout_s, max_records=max_records)

    running = Running(batch_max_tweets=3)
    running.loop._batch_max_wait_s = 3600.0
    script: list[PolledRecords | Exception] = [NOTHING, _tweets(7), _tweets(8, 9)]
    running.loop._stream = stream = Asking(script, running.stop)
    running.run()
    assert asked[:3] == [3, 3, 2]
    assert [len(outgoing) for outgoing in stream.published] == [3]


def test_classifying_has_a_limit() -> None:
    running = Running(NOTHING, _tweets(7)).run()
    assert running.ears.limits_s["label"] == 300
