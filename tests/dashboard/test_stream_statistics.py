"""Rates, last tweets, latency and history from labelled tweets, with a clock that the test sets."""

import pytest

from dashboard.shown_tweet import ShownTweet
from dashboard.stream_statistics import BUCKET_S, BUCKETS, RATE_BUCKETS, RECENT, StreamStatistics
from tests.clock import Clock
from tweets.labelled_tweet import LabelledTweet

LABELS = ("joy", "fear")


def labelled(
    emotion: str = "joy", *, number: int = 0, label: str | None = None, latency_s: float | None = None
) -> ShownTweet:
    scores = {"joy": 0.5, "fear": 0.5}
    tweet = LabelledTweet(
        id=str(number),
        text=f"text {number}",
        emotion=emotion,
        confidence=0.9,
        scores=scores,
        model="m",
        classified_at="2026-01-01T00:00:00.000Z",
        label=label,
    )
    return ShownTweet(f"0@{number}", float(number), tweet, latency_s)


@pytest.fixture
def clock() -> Clock:
    return Clock(1_000_000.0)


@pytest.fixture
def statistics(clock: Clock) -> StreamStatistics:
    return StreamStatistics(LABELS, clock)


def read(statistics: StreamStatistics, clock: Clock, buckets: int, *tweets: ShownTweet) -> None:
    """Read the output topic for so many whole buckets; each read of half a bucket returns these tweets."""
    for _ in range(2 * buckets):
        statistics.add(tweets)
        clock.now_s += BUCKET_S / 2


def test_before_the_output_topic_is_read_everything_is_unknown(statistics: StreamStatistics) -> None:
    summary = statistics.summary()
    assert summary.rates == {}
    assert (summary.recent, summary.latency, summary.quality) == ((), None, None)
    assert set(summary.history["joy"]) == {None}


def test_a_topic_without_new_tweets_has_rates_of_zero(statistics: StreamStatistics, clock: Clock) -> None:
    read(statistics, clock, 3)
    assert statistics.summary().rates == {"joy": 0.0, "fear": 0.0}


def test_the_rate_is_tweets_per_second_of_the_last_ten_and_falls_to_zero(
    statistics: StreamStatistics, clock: Clock
) -> None:
    read(statistics, clock, 10, labelled(), labelled(), labelled("fear"))
    assert statistics.summary().rates == {"joy": pytest.approx(2.0), "fear": pytest.approx(1.0)}
    read(statistics, clock, RATE_BUCKETS + 1)
    assert statistics.summary().rates == {"joy": 0.0, "fear": 0.0}


def test_history_holds_means_of_closed_buckets_only_and_is_bounded(statistics: StreamStatistics, clock: Clock) -> None:
    read(statistics, clock, RATE_BUCKETS)
    read(statistics, clock, 1, *[labelled()] * 5)
    clock.now_s -= 1
    assert statistics.summary().history["joy"][-1] is None, "the fifth whole bucket is still open"
    clock.now_s += 1
    assert statistics.summary().history["joy"][-1] == 1.0
    read(statistics, clock, 1)
    later = statistics.summary()
    assert later.history["joy"][-3:] == (None, 1.0, 1.0)
    assert len(later.history["joy"]) == BUCKETS
    assert later.history_from_s == clock.now_s - BUCKETS * BUCKET_S


def test_a_time_in_which_nothing_was_read_is_unknown_and_the_backlog_after_it_is_no_rate(
    statistics: StreamStatistics, clock: Clock
) -> None:
    read(statistics, clock, RATE_BUCKETS + 1, labelled())
    assert statistics.summary().history["joy"][-1] == 1.0
    clock.now_s += 60
    read(statistics, clock, 1, *[labelled()] * 500)
    read(statistics, clock, RATE_BUCKETS, labelled())
    summary = statistics.summary()
    assert summary.history["joy"][-2:] == (None, 1.0)
    assert summary.rates["joy"] == pytest.approx(1.0)
    assert len(summary.recent) == RECENT


def test_the_last_tweets_come_newest_first_and_are_bounded(statistics: StreamStatistics) -> None:
    statistics.add([labelled(number=number) for number in reversed(range(RECENT + 5))])
    assert [each.tweet.text for each in statistics.summary().recent] == [
        f"text {n}" for n in reversed(range(5, RECENT + 5))
    ]


def test_tweets_from_before_the_start_are_shown_but_not_counted(statistics: StreamStatistics) -> None:
    statistics.show_only([labelled(label="joy", latency_s=1.0)])
    summary = statistics.summary()
    assert len(summary.recent) == 1
    assert (summary.rates, summary.quality, summary.latency) == ({}, None, None)


def test_latency_is_of_the_last_minute_and_leaves_out_impossible_values(
    statistics: StreamStatistics, clock: Clock
) -> None:
    statistics.add([labelled(latency_s=second) for second in (-5.0, 1.0, 2.0, 3.0, 1e6)])
    latency = statistics.summary().latency
    assert latency is not None
    assert (latency.p50_s, latency.p95_s, latency.tweets) == (2.0, 3.0, 3)
    clock.now_s += 61
    assert statistics.summary().latency is None


def test_quality_counts_only_tweets_with_a_label(statistics: StreamStatistics) -> None:
    statistics.add([labelled("joy", label="joy"), labelled("joy", label="fear"), labelled("fear")])
    quality = statistics.summary().quality
    assert quality is not None
    assert (quality.tweets, quality.accuracy) == (2, 0.5)
