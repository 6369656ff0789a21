"""The record with the second copy of a partition's state."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweets.periods import Period
from tweets.records import Partition
from worker import checkpoint
from worker.counts import CommittedCounts, RunningCounts
from worker.partition_state import PartitionState
from worker.windows.records import WindowSummary
from worker.windows.state import PartitionWindows

NUMBERS = st.integers(min_value=0, max_value=2**63)
STATES = st.builds(
    CommittedCounts,
    NUMBERS,
    NUMBERS,
    st.builds(RunningCounts, st.dictionaries(st.text(), NUMBERS, max_size=3), NUMBERS, st.just("id"), NUMBERS),
)
STATE = CommittedCounts(6, 300, RunningCounts({"joy": 300}))
WINDOWS = WindowSummary(60, 48, 5, 7, (1, 2), (Period("hour", 3), Period("day", 4)), 9, 11, 13)


@given(STATES)
def test_a_state_comes_back_as_it_was(state: CommittedCounts) -> None:
    record = checkpoint.encode("checkpoints", "group", Partition("tweets", 3), state)
    assert (record.topic, record.partition, record.key) == ("checkpoints", 3, b"group|tweets|3")
    assert checkpoint.decode(record.value) == state


@pytest.mark.parametrize(
    "change",
    [
        {"offset": -1},
        {"offset": "300"},
        {"offset": None},
        {"generation": 1.5},
        {"generation": True},
        {"v": 2},
        {"counts": []},
        {"counts": {"joy": -5}},
        {"counts": {"joy": "7"}},
        {"counts": {"joy": 1.9}},
        {"counts": {"joy": True}},
    ],
)
def test_a_value_that_no_worker_writes_is_no_state(change: dict[str, object]) -> None:
    value = json.loads(checkpoint.encode("c", "g", Partition("t", 0), STATE).value or b"")
    assert checkpoint.decode(json.dumps(value | change).encode()) is None


@pytest.mark.parametrize("value", [None, b"", b"\xff", b"[]", b"1", b"null", b"[" * 100_000])
def test_anything_else_is_no_state(value: bytes | None) -> None:
    assert checkpoint.decode(value) is None


def test_the_summary_of_the_windows_comes_back_with_its_commit() -> None:
    assert checkpoint.decode_windows(checkpoint.encode_windows(STATE, WINDOWS)) == (STATE, WINDOWS)
    empty = PartitionWindows().summary()
    assert checkpoint.decode_windows(checkpoint.encode_windows(STATE, empty)) == (STATE, empty)


@pytest.mark.parametrize(
    "change",
    [{"v": 2}, {"commit": None}, {"commit": {}}, {"late": "60"}, {"keep": None}, {"open": [0.5]}, {"minutes_from": -1}],
)
def test_a_summary_that_no_worker_writes_is_none(change: dict[str, object]) -> None:
    value = json.loads(checkpoint.encode_windows(STATE, WINDOWS))
    assert checkpoint.decode_windows(json.dumps(value | change).encode()) is None
    assert checkpoint.decode_windows(None) is None


def test_a_program_that_writes_the_state_alone_leaves_the_windows_of_an_earlier_commit() -> None:
    """A worker of an earlier release, and import-state."""
    partition = Partition("tweets", 3)
    *_, windows, state = checkpoint.encode_state("c", "g", partition, PartitionState(STATE))
    alone = checkpoint.encode("c", "g", partition, CommittedCounts(7, 400, STATE.counts))
    assert alone.key == state.key
    assert alone.key != windows.key
    assert checkpoint.decode(state.value) == STATE
