"""With which windows a worker continues: they belong to the counts that it continues with."""

from dataclasses import replace

import pytest

from tweets.periods import CountedTweet, Period
from tweets.records import Partition
from worker.counts import CommittedCounts, RunningCounts
from worker.membership import CommittedOffset, StoredState
from worker.restoring import Restorer
from worker.restoring_windows import RestoredWindows
from worker.windows.after_batch import windows_after
from worker.windows.state import PartitionWindows, WindowLimits

P0 = Partition("tweets", 0)
NOW_S = 1_700_000_000.0
MINUTE = Period("minute", int(NOW_S) // 60)
SETTLED = int(NOW_S) // 60 + 6
COUNTS = RunningCounts({"joy": 1}, topic_id="one")
STATE = CommittedCounts(6, 300, COUNTS)
COMMITTED = CommittedOffset(300, COUNTS.to_metadata())
WINDOWS = windows_after(PartitionWindows(), [CountedTweet(MINUTE.start_ms, "joy", ())], NOW_S).windows
WHOLE = StoredState(0, COMMITTED, "one", STATE, windows=WINDOWS, windows_commit=STATE)


def restored(stored: StoredState, *, accept: bool = False, limits: WindowLimits | None = None) -> RestoredWindows:
    restorer = Restorer(accept_empty_state=accept, window_limits=limits, now_s=lambda: NOW_S)
    found = restorer.restore({P0: stored}, 7)
    assert not found.windows[P0].uncommitted or P0 in found.uncommitted
    return found.windows[P0]


def test_windows_of_the_committed_offset_are_taken_as_they_are_and_published() -> None:
    found = restored(WHOLE)
    assert found.windows == WINDOWS
    assert found.current == {each: {("", "joy"): 1} for each in (MINUTE, MINUTE.within("hour"), MINUTE.within("day"))}
    assert found.deleted == {}
    assert not found.uncommitted


@pytest.mark.parametrize("committed", [None, CommittedOffset(300, ""), CommittedOffset(7, "of a tool")])
def test_windows_go_with_the_counts_of_the_checkpoint_wherever_an_operator_moved_the_offset(
    committed: CommittedOffset | None,
) -> None:
    assert restored(replace(WHOLE, committed=committed)).windows == WINDOWS


def test_a_partition_that_has_nothing_anywhere_has_complete_windows_from_its_first_tweet() -> None:
    found = restored(StoredState(0, None, "one")).windows
    assert found == PartitionWindows(complete_from=0)
    assert found.complete_since == 0


def test_a_partition_that_once_started_from_zero_has_old_periods_in_redis_and_is_not_complete_from_the_beginning() -> (
    None
):
    found = restored(StoredState(0, None, "one", replace(STATE, counts=RunningCounts(generation_base=9))), accept=True)
    assert found.windows == PartitionWindows(complete_from=SETTLED)


@pytest.mark.parametrize(
    "stored",
    [StoredState(0, COMMITTED, "one", STATE, 1), StoredState(0, COMMITTED, "one", None, 1)],
    ids=["checkpoint of an earlier release", "no checkpoint"],
)
def test_windows_that_begin_behind_records_of_the_output_are_complete_once_no_earlier_tweet_can_be_in_them(
    stored: StoredState, caplog: pytest.LogCaptureFixture
) -> None:
    found = restored(stored)
    assert found.windows == PartitionWindows(complete_from=SETTLED)
    assert found.uncommitted
    (record,) = caplog.records
    assert record.getMessage().startswith("tweets[0]: tweets were counted before, and the checkpoint topic has no min")


@pytest.mark.parametrize(
    "commit", [replace(STATE, offset=299), replace(STATE, counts=COUNTS.plus(["joy"]))], ids=["offset", "counts"]
)
@pytest.mark.parametrize("committed", [COMMITTED, None], ids=["committed offset", "checkpoint"])
def test_windows_of_another_commit_go_on_and_are_committed_as_incomplete(
    commit: CommittedCounts, committed: CommittedOffset | None
) -> None:
    """Workers of an earlier release and import-state leave the windows as they are."""
    found = restored(replace(WHOLE, committed=committed, windows_commit=commit))
    assert found.windows == replace(WINDOWS, complete_from=SETTLED)
    assert found.uncommitted


@pytest.mark.parametrize("late_minutes", [10, 120])
def test_another_window_late_minutes_keeps_the_counts(late_minutes: int) -> None:
    limits = WindowLimits(late_minutes, 48)
    found = restored(WHOLE, limits=limits)
    windows = found.windows
    assert (windows.limits, windows.minutes, windows.complete_from) == (limits, WINDOWS.minutes, SETTLED)
    assert found.uncommitted, "verify must know, also of a partition that gets no tweet"


def test_a_larger_window_keep_hours_says_which_minutes_have_expired_and_publishes_the_others_again() -> None:
    limits = WindowLimits(60, 100)
    found = restored(WHOLE, limits=limits)
    first = int(NOW_S) // 60 - 48 * 60 + 1
    assert found.windows == replace(WINDOWS, limits=limits, minutes_from=first)
    assert found.uncommitted
    assert found.windows.complete_since is not None
    assert found.windows.complete_since > STATE.offset


def test_a_smaller_window_keep_hours_is_committed_too() -> None:
    limits = WindowLimits(60, 30)
    found = restored(replace(WHOLE, windows=replace(WINDOWS, complete_since=250)), limits=limits)
    assert found.windows == replace(WINDOWS, limits=limits)
    assert (found.uncommitted, found.windows.complete_since) == (True, 250)


def test_a_deliberate_start_from_zero_deletes_the_windows_of_before() -> None:
    found = restored(replace(WHOLE, topic_id="other"), accept=True)
    assert found.windows == PartitionWindows(complete_from=SETTLED)
    assert found.deleted == {f"minute|{MINUTE.number}": None}
    assert found.current == {}
