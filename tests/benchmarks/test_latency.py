"""The percentiles of a load are of the tweets of that load only."""

from benchmarks.suite.latency import percentiles

INF = float("inf")


def test_what_was_observed_before_the_load_does_not_count() -> None:
    before = [(0.05, 0.0), (0.1, 0.0), (10.0, 900.0), (INF, 900.0)]
    after = [(0.05, 50.0), (0.1, 100.0), (10.0, 1_000.0), (INF, 1_000.0)]
    assert percentiles(before, after) == {50: 50.0, 95: 95.0, 99: 99.0}


def test_without_tweets_there_are_no_percentiles() -> None:
    buckets = [(0.05, 7.0), (INF, 9.0)]
    assert percentiles(buckets, buckets) == {}
