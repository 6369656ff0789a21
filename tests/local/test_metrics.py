"""Reading a worker's metrics, and quantiles as PromQL computes them."""

from math import inf, isnan

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from deploy.local.metrics import Buckets, ScrapedMetrics, answers, parse, quantile, scrape
from deploy.local.summary import latency_ms, tweets_per_second
from tests.ports import free_ports

BUCKETS = [(0.1, 10.0), (0.5, 10.0), (1.0, 30.0), (inf, 40.0)]


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0.125, 0.05),  # halfway through the first bucket, which begins at 0
        (0.25, 0.1),
        (0.5, 0.75),  # half of the 20 between 0.5 and 1
        (0.75, 1.0),
        (0.99, 1.0),  # in the last bucket: the highest bound that is known
    ],
)
def test_a_quantile_is_interpolated_in_its_bucket(share: float, expected: float) -> None:
    assert quantile(share, BUCKETS) == pytest.approx(expected)


@pytest.mark.parametrize("buckets", [[], [(1.0, 0.0), (inf, 0.0)]])
def test_without_observations_there_is_no_quantile(buckets: Buckets) -> None:
    assert isnan(quantile(0.5, buckets))


def test_an_exposition_is_read_with_its_labels() -> None:
    registry = CollectorRegistry()
    seen = Counter("seen", "help", ["kind", "colour"], registry=registry)
    seen.labels(kind="cat", colour="red").inc(2)
    seen.labels(kind="dog", colour="red").inc(3)
    took = Histogram("took_seconds", "help", buckets=[1, 2], registry=registry)
    took.observe(1.5)
    metrics = parse(generate_latest(registry).decode())
    assert metrics['seen_total{colour="red",kind="cat"}'] == 2
    assert metrics.total("seen_total") == 5
    assert metrics.buckets("took_seconds") == [(1.0, 0.0), (2.0, 1.0), (inf, 1.0)]


def test_the_rate_goes_from_the_first_fetch_to_the_last_commit() -> None:
    metrics = ScrapedMetrics(emotion_first_fetch_timestamp_seconds=100.0, emotion_last_commit_timestamp_seconds=104.0)
    assert tweets_per_second(metrics, 10) == 2.5
    assert tweets_per_second(ScrapedMetrics(), 10) is None


def test_latencies_are_milliseconds_and_unknown_without_observations() -> None:
    metrics = ScrapedMetrics({f'emotion_end_to_end_seconds_bucket{{le="{bound}"}}': count for bound, count in BUCKETS})
    assert latency_ms(metrics) == {"p50": 750.0, "p95": 1000.0, "p99": 1000.0}
    assert latency_ms(ScrapedMetrics()) == {"p50": None, "p95": None, "p99": None}


def test_a_port_without_a_worker_is_not_ready_and_cannot_be_scraped() -> None:
    (port,) = free_ports(1)
    assert not answers(port, "/readyz")
    with pytest.raises(OSError, match="refused"):
        scrape(port)
