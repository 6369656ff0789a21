"""Running counts, and the offset metadata that holds them."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweets.emotions import EMOTIONS
from worker.counts import OFFSET_METADATA_MAX_BYTES, MetadataLimit, RunningCounts

_COUNTS = st.dictionaries(st.text(min_size=1, max_size=30), st.integers(0, 2**63), max_size=8)


@given(_COUNTS)
def test_counts_are_the_same_after_a_way_through_the_metadata(counts: dict[str, int]) -> None:
    assert RunningCounts.from_metadata(RunningCounts(counts).to_metadata()) == RunningCounts(counts)


@given(_COUNTS)
def test_metadata_is_ascii_so_that_its_length_is_its_size(counts: dict[str, int]) -> None:
    assert RunningCounts(counts).to_metadata().isascii()


@pytest.mark.parametrize(
    "metadata",
    [
        "",
        "   ",
        "some other tool",
        "null",
        "17",
        "[]",
        "{}",
        '{"v":1}',
        '{"v":1,"counts":null}',
        '{"v":1,"counts":[]}',
        '{"v":1,"counts":{"joy":null}}',
        '{"v":1,"counts":{"joy":"many"}}',
        '{"v":1,"counts":{"joy":NaN}}',
        '{"v":1,"counts":{"joy":1e999}}',
        '{"v":2,"counts":{"joy":1}}',
        '{"counts":{"joy":1}}',
        '{"v":1,"counts":{"joy":1}',
        "[" * 4_000,
    ],
    ids=lambda metadata: metadata[:40],
)
def test_missing_or_foreign_metadata_has_no_counts(metadata: str) -> None:
    assert RunningCounts.from_metadata(metadata) is None


@given(st.text(max_size=200))
def test_no_metadata_raises_anything(metadata: str) -> None:
    assert RunningCounts.from_metadata(metadata) is None


def test_counts_of_nothing_differ_from_missing_metadata() -> None:
    assert RunningCounts.from_metadata(RunningCounts().to_metadata()) == RunningCounts()


def test_adding_emotions_leaves_the_old_counts_alone() -> None:
    before = RunningCounts({"joy": 2})
    after = before.plus(["joy", "fear", "fear"])
    assert before == RunningCounts({"joy": 2})
    assert after == RunningCounts({"joy": 3, "fear": 2})
    assert after.plus([]) == after


def metadata_fits(labels: Sequence[str]) -> bool:
    return MetadataLimit(labels).bytes_needed() <= OFFSET_METADATA_MAX_BYTES


def test_six_emotions_fit_into_the_metadata() -> None:
    assert metadata_fits(EMOTIONS)


@pytest.mark.parametrize("letter", ["x", "é", "😀"])
def test_metadata_fits_exactly_as_long_as_a_broker_accepts_it(letter: str) -> None:
    fits = [n for n in range(1, 400) if metadata_fits([f"{letter * 20}{i}" for i in range(n)])]
    assert fits == list(range(1, len(fits) + 1))
    largest = RunningCounts({f"{letter * 20}{i}": 2**63 for i in range(len(fits))}).to_metadata()
    assert len(largest.encode()) <= OFFSET_METADATA_MAX_BYTES < len(largest.encode()) + 400
    assert json.loads(largest)["v"] == 1
