"""Rates, last tweets, latency and history from labelled tweets, with a clock that the test turns."""

import pytest

from dashboard.labelled import Labelled
from dashboard.tally import BUCKET_S, BUCKETS, RECENT, Tally
from tests.clock import Clock

LABELS = ("joy", "fear")


def labelled(
    emotion: str = "joy", *, number: int = 0, label: str | None = None, latency_s: float | None = None
) -> Labelled:
    return Labelled(f"0@{number}", float(number), f"text {number}", emotion, 0.9, label, latency_s)


@pytest.fixture
def clock() -> Clock:
    return Clock(1_000_000.0)


@pytest.fixture
def tally(clock: Clock) -> Tally:
    return Tally(LABELS, clock)


def test_before_any_tweet_everything_is_empty_or_zero(tally: Tally) -> None:
    summary = tally.summary()
    assert summary.rates == {"joy": 0.0, "fear": 0.0}
    assert (summary.recent, summary.latency, summary.quality) == ((), None, None)


def test_the_rate_is_tweets_per_second_of_the_last_ten_and_falls_to_zero(tally: Tally, clock: Clock) -> None:
    for _ in range(20):
        tally.add([labelled(), labelled(), labelled("fear")])
        clock.now_s += 1
    assert tally.summary().rates["joy"] == pytest.approx(2, rel=0.15)
    assert tally.summary().rates["fear"] == pytest.approx(1, rel=0.15)
    clock.now_s += 30
    assert tally.summary().rates == {"joy": 0.0, "fear": 0.0}


def test_history_holds_closed_buckets_only_and_is_bounded(tally: Tally, clock: Clock) -> None:
    tally.add([labelled()] * 4)
    assert tally.summary().history["joy"] == ()
    clock.now_s += BUCKET_S
    assert tally.summary().history == {"joy": (4 / BUCKET_S,), "fear": (0.0,)}
    clock.now_s += 10 * BUCKETS * BUCKET_S
    later = tally.summary()
    assert later.history["joy"] == (0.0,) * BUCKETS
    assert later.history_from_s == clock.now_s - BUCKETS * BUCKET_S


def test_the_last_tweets_come_newest_first_and_are_bounded(tally: Tally) -> None:
    tally.add([labelled(number=number) for number in reversed(range(RECENT + 5))])
    assert [tweet.text for tweet in tally.summary().recent] == [f"text {n}" for n in reversed(range(5, RECENT + 5))]


def test_tweets_of_before_are_shown_and_count_nothing(tally: Tally) -> None:
    tally.remember([labelled(label="joy", latency_s=1.0)])
    summary = tally.summary()
    assert len(summary.recent) == 1
    assert (summary.rates["joy"], summary.quality, summary.latency) == (0.0, None, None)


def test_latency_is_of_the_last_minute_and_leaves_out_what_cannot_be_one(tally: Tally, clock: Clock) -> None:
    tally.add([labelled(latency_s=second) for second in (-5.0, 1.0, 2.0, 3.0, 1e6)])
    latency = tally.summary().latency
    assert latency is not None
    assert (latency.p50_s, latency.p95_s, latency.tweets) == (2.0, 3.0, 3)
    clock.now_s += 61
    assert tally.summary().latency is None


def test_quality_counts_only_tweets_that_say_their_emotion(tally: Tally) -> None:
    tally.add([labelled("joy", label="joy"), labelled("joy", label="fear"), labelled("fear")])
    quality = tally.summary().quality
    assert quality is not None
    assert (quality.tweets, quality.accuracy) == (2, 0.5)
