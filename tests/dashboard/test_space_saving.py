"""The bounds that the summary promises, for streams that are hard for it, and its memory."""

import random
import tracemalloc
from collections import Counter

import pytest

from dashboard.hashtags import COUNTERS, MEMORY_MAX_BYTES, SLOT_S, Hashtags
from dashboard.space_saving import SpaceSaving

COUNTED = 50


def streams() -> list[list[str]]:
    source = random.Random(5)
    skewed = [f"#{int(source.paretovariate(0.8))}" for _ in range(20_000)]
    different = [f"#{number}" for number in range(20_000)]
    return [skewed, sorted(skewed), different, [*different[:5_000], *["#late"] * 600, *different[5_000:10_000]]]


@pytest.mark.parametrize("stream", streams(), ids=["skewed", "sorted", "different", "late"])
def test_counts_are_never_too_low_nor_too_high_by_more_than_the_bound(stream: list[str]) -> None:
    summary, true = SpaceSaving(COUNTED), Counter(stream)
    for name in stream:
        summary.add(name)
    assert (len(summary), summary.total) == (min(COUNTED, len(true)), len(stream))
    assert summary.error_max <= len(stream) / COUNTED
    found = {name: (count, error) for name, count, error in summary.items()}
    for name, (count, error) in found.items():
        assert count - error <= true[name] <= count <= true[name] + summary.error_max
    assert set(found) >= {name for name, count in true.items() if count > len(stream) / COUNTED}
    assert all(summary.at_most(name) >= count for name, count in true.items())


def test_few_names_are_counted_exactly() -> None:
    summary = SpaceSaving(COUNTED)
    for name in ("#a", "#b", "#a"):
        summary.add(name)
    assert sorted(summary.items()) == [("#a", 2, 0), ("#b", 1, 0)]
    assert (summary.error_max, summary.at_most("#c")) == (0, 0)


@pytest.mark.slow
@pytest.mark.parametrize(("letter", "times"), [("x", 1_000_000), ("\U00020000", 100_000)], ids=["1 byte", "4 bytes"])
def test_a_million_different_hashtags_stay_within_the_stated_memory(letter: str, times: int) -> None:
    from_s, word = 1_778_000_000.0, 56 * letter
    hashtags = Hashtags(from_s)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(times):
            at_s = from_s + number * 24 * SLOT_S / times
            hashtags.add(at_s, f"so #{word}{number}", at_s)
        hashtags.summary(from_s + 24 * SLOT_S - 1)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < MEMORY_MAX_BYTES
    assert sum(len(slot) for slot in hashtags._slots.values()) <= 24 * COUNTERS
    assert after - before > MEMORY_MAX_BYTES / 8, "the bound is not far from what is used"
