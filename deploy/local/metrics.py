"""What a worker's `/metrics` says, and whether a program answers at all."""

import urllib.error
import urllib.request
from collections.abc import Sequence
from math import isfinite, nan

from prometheus_client.parser import text_string_to_metric_families

from deploy.local.ports import LOOPBACK

_TIMEOUT_S = 5.0

Buckets = Sequence[tuple[float, float]]
"""Pairs of an upper bound and the number of observations up to it, rising; the last bound is inf."""


class Metrics(dict[str, float]):
    """The samples of one scrape, by name with labels (sorted), such as `a_total{kind="x"}`."""

    def total(self, name: str) -> float:
        """The sum over all labels."""
        return sum(value for key, value in self.items() if key.partition("{")[0] == name)

    def buckets(self, histogram: str) -> list[tuple[float, float]]:
        """The cumulative buckets of a histogram without labels."""
        prefix = f'{histogram}_bucket{{le="'
        return sorted((float(key[len(prefix) : -2]), self[key]) for key in self if key.startswith(prefix))


def scrape(port: int) -> Metrics:
    """Fetches `/metrics`; raises OSError if nobody answers."""
    with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=_TIMEOUT_S) as response:
        return parse(response.read().decode())


def parse(exposition: str) -> Metrics:
    """Reads Prometheus' text format."""
    samples = (sample for family in text_string_to_metric_families(exposition) for sample in family.samples)
    return Metrics({_key(sample.name, sample.labels): sample.value for sample in samples})


def answers(port: int, path: str) -> bool:
    """Whether a GET of the path is answered with 200."""
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}{path}", timeout=_TIMEOUT_S) as response:
            well: bool = response.status == 200
            return well
    except (urllib.error.URLError, OSError):
        return False


def quantile(share: float, buckets: Buckets) -> float:
    """Estimates a quantile as PromQL's histogram_quantile does: linearly within the bucket that holds it.

    NaN without observations; the highest finite bound if the quantile lies above it.
    """
    total = buckets[-1][1] if buckets else 0.0
    if total == 0:
        return nan
    rank = share * total
    lower, below = 0.0, 0.0
    for upper, count in buckets:
        if count >= rank and count > below:
            return lower + (upper - lower) * (rank - below) / (count - below) if isfinite(upper) else lower
        lower, below = upper, count
    return lower


def _key(name: str, labels: dict[str, str]) -> str:
    inner = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
    return f"{name}{{{inner}}}" if inner else name
