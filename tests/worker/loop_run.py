"""A loop that runs through a script of polls, and records every call to Kafka, Redis and the watchdog."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from types import MappingProxyType

from tests.fakes import FakeClassifier
from tests.records import PARTITION, a_prediction, a_tweet_record
from tweets.prediction import Prediction
from tweets.records import OutputRecord, Partition
from worker.counts import CommittedCounts, RunningCounts
from worker.dead_letter_share import DeadLetterShare
from worker.labelling import Labeller, OutputTopics
from worker.loop import Loop
from worker.membership import CommittedOffset, Membership, PolledRecords, StoredState
from worker.partition_state import PartitionState
from worker.process.metrics import Metrics
from worker.watched_subjects import WatchedSubjects

OWNED = Membership(frozenset({PARTITION}), 5, "member-1", "client_metadata")
NEXT_GENERATION = Membership(OWNED.partitions, 6, "member-1", "client_metadata")
NOT_JOINED = Membership(frozenset({PARTITION}), -1, "", "client_metadata")
STORED = StoredState(0, CommittedOffset(7, RunningCounts().to_metadata()))
NOTHING = PolledRecords([], OWNED)


def tweets(*offsets: int, membership: Membership = OWNED) -> PolledRecords:
    """Return a poll with a tweet at each of these offsets."""
    return PolledRecords([a_tweet_record(offset) for offset in offsets], membership)


@dataclass
class ScriptedStream:
    """Polls follow a script; a last poll, without records and as a member of `last`, stops the loop.

    `fail`: for each call the errors that the call raises at first, one at a time; None is a call that succeeds.
    `before_poll` is given the largest number of records that a poll asks for. `waits_s` are the polls' limits.
    """

    polls: list[PolledRecords | Exception]
    stop: Event
    fail: dict[str, list[Exception | None]]
    last: Membership
    before_poll: Callable[[int], None]
    calls: list[str] = field(default_factory=list)
    stored: dict[Partition, StoredState] = field(default_factory=lambda: {PARTITION: STORED})
    committed: list[Mapping[Partition, CommittedOffset]] = field(default_factory=list)
    published: list[Sequence[OutputRecord]] = field(default_factory=list)
    states: list[Mapping[Partition, PartitionState]] = field(default_factory=list)
    members: list[Membership] = field(default_factory=list)
    waits_s: list[float] = field(default_factory=list)
    sought: list[Mapping[Partition, int]] = field(default_factory=list)
    end: int = 100
    before_publish: Callable[[], None] = lambda: None

    def poll(self, *, timeout_s: float, max_records: int) -> PolledRecords:
        self.waits_s.append(timeout_s)
        self.before_poll(max_records)
        if not self.polls:
            self.stop.set()
            return PolledRecords([], self.last)
        self._call("poll")
        polled = self.polls.pop(0)
        if isinstance(polled, Exception):
            raise polled
        return polled

    def restore(self, membership: Membership) -> Mapping[Partition, StoredState]:
        self._call("restore")
        return {partition: self.stored[partition] for partition in sorted(membership.partitions)}

    def seek(self, offsets: Mapping[Partition, int]) -> None:
        self.sought.append(offsets)

    def publish(self, records: Sequence[OutputRecord], states: Mapping[Partition, PartitionState]) -> None:
        self.before_publish()
        self._call("publish")
        self.published.append(records)
        self.states.append(states)

    def commit(self, positions: Mapping[Partition, CommittedOffset], membership: Membership) -> None:
        self._call("commit")
        self.committed.append(positions)
        self.members.append(membership)

    def rollback(self) -> None:
        self._call("rollback")

    def lag(self, partition: Partition, offset: int) -> int | None:
        return self.end - offset

    def _call(self, name: str) -> None:
        self.calls.append(name)
        error = self.fail[name].pop(0) if self.fail.get(name) else None
        if error is not None:
            raise error


@dataclass
class Recorder:
    """A publisher of counts and a watchdog that record their calls."""

    calls: list[str]
    assigned: list[dict[Partition, CommittedCounts]] = field(default_factory=list)
    published: list[dict[Partition, CommittedCounts]] = field(default_factory=list)
    limits_s: dict[str, float] = field(default_factory=dict)
    open_steps: list[str] = field(default_factory=list)

    def assign(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None:
        self.calls.append("assign counts")
        self.assigned.append(dict(committed_counts))

    def publish(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None:
        self.calls.append("publish counts")
        self.published.append(dict(committed_counts))

    @contextmanager
    def step(self, name: str, limit_s: float) -> Iterator[None]:
        self.limits_s[name] = limit_s
        self.open_steps.append(name)
        try:
            yield
        finally:
            self.open_steps.remove(name)


class LoopRun:
    """A loop over a scripted stream, with a classifier that by default labels every tweet joy."""

    def __init__(
        self,
        *polls: PolledRecords | Exception,
        batch_max_tweets: int = 10,
        batch_max_wait_s: float = 0.0,
        fail: Mapping[str, Sequence[Exception | None]] = MappingProxyType({}),
        last: Membership = OWNED,
        before_poll: Callable[[int], None] = lambda _: None,
        predict: Callable[[str], Prediction] = lambda _: a_prediction("joy", 0.75),
        topics_file: Path | None = None,
        dead_letter_share: DeadLetterShare | None = None,
    ) -> None:
        self.stop = Event()
        failures = {call: list(errors) for call, errors in fail.items()}
        self.stream = ScriptedStream(list(polls), self.stop, failures, last, before_poll)
        self.recorder = Recorder(self.stream.calls)
        self.metrics = Metrics()
        self.loop = Loop(
            self.stream,
            Labeller(
                FakeClassifier(predict),
                OutputTopics("out", "dead", 10_000),
                self.metrics,
                tweet_max_chars=100,
                subjects=WatchedSubjects(topics_file, self.metrics),
            ),
            self.recorder,
            metrics=self.metrics,
            watchdog=self.recorder,
            dead_letter_share=dead_letter_share,
            batch_max_tweets=batch_max_tweets,
            batch_max_wait_s=batch_max_wait_s,
        )

    def run(self) -> "LoopRun":
        self.loop.run(self.stop)
        return self

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)

    def confusion(self) -> dict[tuple[str, str], float]:
        """Return the count for each pair of the label of a tweet and its predicted emotion."""
        samples = next(iter(self.metrics.confusion.collect())).samples
        return {(sample.labels["label"], sample.labels["emotion"]): sample.value for sample in samples}
