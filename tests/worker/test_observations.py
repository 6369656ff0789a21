"""Many observations at once leave the histogram as they do one by one."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from worker.process.observations import observe_all

BUCKETS = (0, 0.05, 0.1, 1, 2.5)
AMOUNTS = st.lists(st.floats(-1, 10) | st.sampled_from(BUCKETS) | st.just(1e-9), max_size=30)


def _histogram() -> tuple[Histogram, CollectorRegistry]:
    registry = CollectorRegistry()
    return Histogram("seconds", "Help.", ["stage"], registry=registry, buckets=BUCKETS), registry


def _samples(registry: CollectorRegistry) -> list[tuple[str, dict[str, str], float]]:
    samples = [sample for metric in registry.collect() for sample in metric.samples]
    return [(each.name, each.labels, each.value) for each in samples if not each.name.endswith("_created")]


@given(st.lists(AMOUNTS, max_size=4))
def test_the_buckets_and_every_digit_of_the_sum_are_the_same(batches: list[list[float]]) -> None:
    (at_once, registry), (one_by_one, expected) = _histogram(), _histogram()
    for amounts in batches:
        observe_all(at_once.labels("decode"), amounts)
        child = one_by_one.labels("decode")
        for amount in amounts:
            child.observe(amount)
    at_once.labels("decode")
    one_by_one.labels("decode")
    assert _samples(registry) == _samples(expected)
