"""Scrape a worker's `/metrics`, and check whether a program answers HTTP at all."""

import urllib.error
import urllib.request
from collections.abc import Sequence
from math import isfinite, nan
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from deploy.local.ports import LOOPBACK

#: A program on the same machine answers within milliseconds; a busy machine may need seconds.
_TIMEOUT_S: Final = 5.0

Buckets = Sequence[tuple[float, float]]
"""Pairs of an upper bound and the number of observations up to that bound, in rising order; the last bound is inf."""


class ScrapedMetrics(dict[str, float]):
    """The samples of one scrape, by name with labels (sorted), such as `a_total{kind="x"}`."""

    def total(self, name: str) -> float:
        """Return the sum over all labels."""
        return sum(value for key, value in self.items() if key.partition("{")[0] == name)

    def buckets(self, histogram: str) -> list[tuple[float, float]]:
        """Return the cumulative buckets of a histogram without labels."""
        prefix = f'{histogram}_bucket{{le="'
        return sorted((float(key[len(prefix) : -2]), self[key]) for key in self if key.startswith(prefix))


def scrape(port: int) -> ScrapedMetrics:
    """Fetch `/metrics` from a port of this machine. Raises OSError if no program answers."""
    with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=_TIMEOUT_S) as response:
        return parse(response.read().decode())


def parse(exposition: str) -> ScrapedMetrics:
    """Parse Prometheus' text format."""
    samples = (sample for family in text_string_to_metric_families(exposition) for sample in family.samples)
    return ScrapedMetrics({_key(sample.name, sample.labels): sample.value for sample in samples})


def answers(port: int, path: str) -> bool:
    """Return whether a GET of the path returns status 200."""
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}{path}", timeout=_TIMEOUT_S) as response:
            ok: bool = response.status == 200
            return ok
    except (urllib.error.URLError, OSError):
        return False


def quantile(share: float, buckets: Buckets) -> float:
    """Estimate a quantile as PromQL's histogram_quantile does: linearly within the bucket that contains the quantile.

    Return NaN without observations, and the highest finite bound for a quantile above that bound.
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
