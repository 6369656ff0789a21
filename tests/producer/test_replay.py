"""The replay with a fake clock and a fake Kafka: pace, stop, failures, summary."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import pytest

from producer.deliveries import Deliveries
from producer.pacing import Pacer
from producer.replay import NAP_S, Replay, Summary
from tests.clock import Clock
from tests.producer.fakes import FakeDelivery
from tests.records import a_record
from tweets.datasets import DatasetError
from tweets.tweet import Tweet, decode


class ReplayWorld:
    """Time, and a Kafka that needs `latency_s` for a send and fails from the tweet number `fails_from` on."""

    def __init__(self, *, latency_s: float = 0.0, fails_from: int | None = None, refuses: bool = False) -> None:
        self.now_s = 1000.0
        self.sent: list[tuple[float, bytes, bytes]] = []
        self.naps_s: list[float] = []
        self.shown: list[int] = []
        self.stop_after: int | None = None
        self._latency_s = latency_s
        self._fails_from = fails_from
        self._refuses = refuses

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.naps_s.append(seconds)
        self.now_s += seconds

    def stopped(self) -> bool:
        return self.stop_after is not None and len(self.sent) >= self.stop_after

    def send(self, key: bytes, value: bytes) -> FakeDelivery:
        failing = self._fails_from is not None and len(self.sent) >= self._fails_from
        self.sent.append((self.now_s, key, value))
        self.now_s += self._latency_s
        if failing and self._refuses:
            raise ValueError("too large")
        return FakeDelivery(Clock(), error=ConnectionError("no broker") if failing else None)

    def show(self, sent: int) -> None:
        self.shown.append(sent)

    def finish(self, sent: int) -> None:
        self.shown.append(sent)


def replay(world: ReplayWorld, *, rate: float = 0.0) -> Replay:
    return Replay(
        send=world.send,
        deliveries=Deliveries(window=10, limit_s=20, clock=world.clock),
        pacer=Pacer(rate),
        stopped=world.stopped,
        clock=world.clock,
        sleep=world.sleep,
    )


def run(world: ReplayWorld, tweets: Iterable[Tweet], *, rate: float = 0.0) -> Replay:
    running = replay(world, rate=rate)
    running.run(tweets, world)
    return running


def some_tweets(count: int) -> Iterator[Tweet]:
    return (Tweet(f"set-test-{number}", f"text {number}", label="joy") for number in range(count))


def test_every_tweet_is_sent_under_its_id_and_acknowledged() -> None:
    world = ReplayWorld()
    done = run(world, some_tweets(25))
    keys = [key.decode() for _, key, _ in world.sent]
    assert keys == [json.loads(value)["id"] for _, _, value in world.sent] == [f"set-test-{n}" for n in range(25)]
    assert (done.summary().sent, done.summary().failed) == (25, 0)


def test_every_tweet_has_the_time_of_sending_in_rfc_3339_and_keeps_its_label() -> None:
    world, before = ReplayWorld(), datetime.now(UTC).replace(microsecond=0)
    run(world, [Tweet("set-test-0", "text", created_at="2001-01-01T00:00:00Z", label="joy")])
    sent = json.loads(world.sent[0][2])
    record = a_record(world.sent[0][2])
    assert sent["label"] == "joy"
    assert before <= datetime.fromisoformat(sent["created_at"]) <= datetime.now(UTC)
    assert sent["created_at"].endswith("Z")
    assert decode(record, max_chars=100).created_at == sent["created_at"], "the worker takes RFC 3339 only"


def test_tweets_are_spread_evenly_over_time() -> None:
    world = ReplayWorld()
    run(world, some_tweets(5), rate=4)
    assert [round(sent_s - 1000, 6) for sent_s, _, _ in world.sent] == [0, 0.25, 0.5, 0.75, 1.0]


def test_the_time_that_sending_takes_does_not_slow_the_pace() -> None:
    world = ReplayWorld(latency_s=0.02)
    run(world, some_tweets(101), rate=10)
    assert world.sent[-1][0] - world.sent[0][0] == pytest.approx(10)


def test_at_rate_zero_nothing_sleeps() -> None:
    world = ReplayWorld()
    run(world, some_tweets(100))
    assert world.naps_s == []


def test_a_long_pause_is_slept_in_naps_so_that_a_signal_ends_the_replay_soon() -> None:
    world = ReplayWorld()
    run(world, some_tweets(2), rate=0.5)
    assert sum(world.naps_s) == pytest.approx(2)
    assert max(world.naps_s) <= NAP_S


def test_a_stop_ends_an_endless_replay_without_failures() -> None:
    world = ReplayWorld()
    world.stop_after = 7

    def endless() -> Iterator[Tweet]:
        while True:
            yield from some_tweets(3)

    done = run(world, endless(), rate=10)
    assert (len(world.sent), done.summary().sent, done.summary().failed) == (7, 7, 0)


@pytest.mark.parametrize("refuses", [False, True])
def test_the_first_failure_ends_the_replay_and_the_reason_is_kept(refuses: bool) -> None:
    world = ReplayWorld(fails_from=3, refuses=refuses)
    done = run(world, some_tweets(1000))
    assert len(world.sent) == 4
    assert (done.summary().sent, done.summary().failed) == (3, 1)
    assert str(done.deliveries.error) == ("too large" if refuses else "no broker")


def test_a_broken_row_is_raised_after_the_tweets_before_it_are_acknowledged() -> None:
    world = ReplayWorld()
    running = replay(world)

    def broken() -> Iterator[Tweet]:
        yield from some_tweets(2)
        raise DatasetError("line 3")

    with pytest.raises(DatasetError, match="line 3"):
        running.run(broken(), world)
    assert running.summary().sent == 2


def test_the_summary_has_the_rate_from_the_first_send_to_the_last_acknowledgement() -> None:
    world = ReplayWorld(latency_s=0.5)
    assert run(world, some_tweets(4)).summary() == Summary(sent=4, failed=0, seconds=2.0, tweets_per_second=2.0)


def test_the_summary_of_nothing_has_a_rate_of_zero() -> None:
    assert run(ReplayWorld(), []).summary() == Summary(sent=0, failed=0, seconds=0.0, tweets_per_second=0.0)


def test_progress_shows_acknowledged_tweets_and_at_the_end_all_of_them() -> None:
    world = ReplayWorld()
    run(world, some_tweets(3), rate=10)
    assert world.shown == sorted(world.shown)
    assert world.shown[-1] == 3
