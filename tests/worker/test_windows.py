"""The windows of a partition: every period agrees with an independent fold, also after a restore from the records."""

import copy
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.window_topic import WindowTopic, fold
from tweets.periods import CountedTweet, Period
from worker.windows.after_batch import DELETED_AT_ONCE, REFRESH_COMMITS, windows_after
from worker.windows.records import CLOSED, decode_closed, name
from worker.windows.state import HOUR_KEPT_HOURS, PartitionWindows, WindowLimits

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
NOON_MS = 1_700_049_600_000
NOON_S = NOON_MS / 1000
LIMITS = WindowLimits(late_minutes=60, minute_kept_hours=48)


def tweet(minutes: float, emotion: str = "joy", *subjects: str) -> CountedTweet:
    """Return a tweet so many minutes after noon."""
    return CountedTweet(NOON_MS + int(minutes * MINUTE_MS), emotion, subjects)


def minute(number: int) -> Period:
    return Period("minute", NOON_MS // MINUTE_MS + number)


def restored(topic: WindowTopic) -> PartitionWindows:
    windows = topic.restored()
    assert windows is not None
    return windows


TWEETS = st.builds(
    CountedTweet,
    st.integers(-3_000 * MINUTE_MS, 3_000 * MINUTE_MS).map(NOON_MS.__add__),
    st.sampled_from(["joy", "anger"]),
    st.sampled_from([(), ("cats",), ("cats", "dogs")]),
)


@given(st.lists(st.lists(TWEETS, max_size=8), max_size=8), st.data())
def test_every_period_is_the_fold_of_all_tweets_whatever_worker_counted_them(
    batches: list[list[CountedTweet]], data: st.DataObject
) -> None:
    topic = WindowTopic(PartitionWindows(LIMITS))
    late = 0
    seen: list[CountedTweet] = []
    for batch in batches:
        if data.draw(st.booleans()):
            topic.windows = restored(topic)
        after = topic.commit(batch, NOON_S)
        late, seen = late + after.late, [*seen, *batch]
        expected, newest, expected_late = fold(seen, LIMITS.late_ms)
        assert (after.windows.newest_ms, late) == (newest, expected_late)
        assert {period: expected[period] for period in after.changed} == after.changed
        found = {**topic.kept(), **after.windows.current(NOON_S)}
        kept = {period: cells for period, cells in expected.items() if LIMITS.expires_ms(period) > NOON_MS}
        assert {period: found.get(period) for period in kept} == kept
        assert replace(restored(topic), closed_lately={}) == after.windows


def test_a_batch_leaves_the_windows_before_as_they_are() -> None:
    before = windows_after(PartitionWindows(LIMITS), [tweet(0), tweet(1, "fear", "cats")], NOON_S).windows
    untouched = copy.deepcopy(before)
    after = windows_after(before, [tweet(0), tweet(1, "fear", "cats"), tweet(200)], NOON_S)
    assert before == untouched
    assert after.windows != before


def test_unchanged_minutes_are_shared_and_not_copied() -> None:
    before = windows_after(PartitionWindows(LIMITS), [tweet(0), tweet(1)], NOON_S).windows
    after = windows_after(before, [tweet(1)], NOON_S).windows
    assert after.minutes[minute(0).number] is before.minutes[minute(0).number]
    assert after.minutes[minute(1).number] is not before.minutes[minute(1).number]


def test_a_commit_writes_the_minutes_that_it_changed_and_the_sums_of_those_that_closed() -> None:
    topic = WindowTopic(PartitionWindows(LIMITS))
    assert set(topic.commit([tweet(0), tweet(1), tweet(30)], NOON_S).records) == {name(minute(n)) for n in (0, 1, 30)}
    closing = topic.commit([tweet(62, "fear")], NOON_S)
    hour, day = minute(0).within("hour"), minute(0).within("day")
    closed = {name(minute(0)), name(minute(1))}
    assert set(closing.records) == {name(minute(62)), name(hour), name(day), CLOSED, name(minute(30)), *closed}
    assert topic.kept()[hour] == topic.kept()[day] == {("", "joy"): 2}, "the closed minutes alone"
    assert closing.changed[day] == {("", "joy"): 3, ("", "fear"): 1}, "open minutes too"
    assert set(closing.windows.closed) == {minute(0), minute(1)}


def test_a_commit_writes_every_period_that_it_closes_also_one_that_no_minute_of_it_changed() -> None:
    topic = WindowTopic(PartitionWindows(LIMITS))
    topic.commit([tweet(0)], NOON_S)
    topic.commit([tweet(90)], NOON_S)  # the hour of minute 0 is still open: it may get tweets of its minute 59
    for _ in range(3):
        topic.commit([tweet(90)], NOON_S)
    closing = topic.commit([tweet(125)], NOON_S)
    assert minute(0).within("hour") in closing.windows.closed
    assert name(minute(0).within("hour")) in closing.records


def test_a_minute_that_closes_in_the_batch_that_opened_it_is_written_once_and_published() -> None:
    topic = WindowTopic(PartitionWindows(LIMITS))
    after = topic.commit([tweet(0), tweet(90)], NOON_S)
    assert topic.kept()[minute(0)] == after.changed[minute(0)] == {("", "joy"): 1}
    assert after.windows.minutes.keys() == {minute(90).number}


def test_a_late_tweet_counts_in_no_period_and_is_reported() -> None:
    before = windows_after(PartitionWindows(LIMITS), [tweet(100)], NOON_S).windows
    after = windows_after(before, [tweet(39.9), tweet(40)], NOON_S)
    assert after.late == 1
    assert minute(39) not in after.changed
    assert after.changed[minute(40)] == {("", "joy"): 1}


@pytest.mark.parametrize("late_minutes", [60, 1_440])
def test_each_record_that_a_restore_needs_was_written_in_one_of_the_last_commits(late_minutes: int) -> None:
    topic = WindowTopic(PartitionWindows(WindowLimits(late_minutes, 72)))
    topic.commit([tweet(n) for n in range(-300, late_minutes, 1)], NOON_S)
    for _ in range(REFRESH_COMMITS + 2):
        topic.commit([tweet(late_minutes)], NOON_S)
    needed = topic.windows.summary().names()
    assert len(needed) > late_minutes
    assert max(topic.commits - topic.written_at[each] for each in needed) <= REFRESH_COMMITS


def test_expired_periods_are_deleted_some_with_each_commit() -> None:
    topic = WindowTopic(PartitionWindows(LIMITS))
    topic.commit([tweet(n) for n in range(250)] + [tweet(1_000)], NOON_S)
    later_s = NOON_S + 48 * 3600 + 231 * 60
    deleted = []
    for _ in range(4):
        after = topic.commit([], later_s)
        deleted.append([each for each, value in after.records.items() if value is None])
    assert [len(each) for each in deleted] == [DELETED_AT_ONCE, DELETED_AT_ONCE, 31, 0]
    assert deleted[0][0] == name(minute(0))
    assert min(topic.windows.closed.of("minute")) == minute(231)
    assert decode_closed(topic.records[CLOSED]) == topic.windows.closed


def test_hours_outlive_their_minutes_and_days_their_hours() -> None:
    topic = WindowTopic(PartitionWindows(LIMITS))
    topic.commit([tweet(0), tweet(3_000)], NOON_S)
    units = []
    for hours in (0, 49, HOUR_KEPT_HOURS + 1, 2 * 365 * 24 + 24):
        topic.commit([], NOON_S + hours * 3600)
        units.append(sorted({period.unit for period in topic.kept() if period.start_ms < NOON_MS + 2_000 * MINUTE_MS}))
    assert units == [["day", "hour", "minute"], ["day", "hour"], ["day"], []]


def test_tweets_of_years_ago_leave_no_minutes_that_nobody_keeps() -> None:
    topic = WindowTopic(PartitionWindows(LIMITS))
    years_s = NOON_S + 3 * 365 * 86_400
    for day in range(5):
        topic.commit([tweet(day * 1_440 + n) for n in range(0, 1_440, 7)], years_s)
    assert len(topic.windows.closed) == 0
    assert all(pair[0] < pair[1] for pair in pairwise(sorted(topic.windows.minutes)))
    deleted = [each for each, value in topic.records.items() if value is None]
    assert set(topic.kept()) == {minute(0)._replace(number=n) for n in topic.windows.minutes} | set(topic.windows.parts)
    assert deleted


def test_nothing_that_has_expired_is_published() -> None:
    topic = WindowTopic(PartitionWindows(LIMITS))
    after = topic.commit([tweet(0), tweet(90)], NOON_S + 49 * 3600 + 60 * 60)
    assert {period.unit for period in after.changed} == {"hour", "day"}
    assert {period.unit for period in after.windows.current(NOON_S + 51 * 3600)} == {"hour", "day"}


def test_a_restore_gives_the_open_periods_and_those_whose_records_it_passed() -> None:
    topic = WindowTopic(PartitionWindows(LIMITS))
    topic.commit([tweet(0), tweet(90, "fear")], NOON_S)
    hours = {
        Period("hour", NOON_MS // HOUR_MS): {("", "joy"): 1},
        Period("hour", NOON_MS // HOUR_MS + 1): {("", "fear"): 1},
    }
    day = {minute(0).within("day"): {("", "joy"): 1, ("", "fear"): 1}}
    assert restored(topic).current(NOON_S) == {
        minute(0): {("", "joy"): 1},
        minute(90): {("", "fear"): 1},
        **hours,
        **day,
    }


@pytest.mark.parametrize("late_minutes", [10, 120], ids=["smaller", "larger"])
def test_another_window_late_minutes_keeps_the_counts_and_what_is_closed(late_minutes: int) -> None:
    topic = WindowTopic(PartitionWindows(LIMITS))
    topic.commit([tweet(0), tweet(50), tweet(90)], NOON_S)
    limits = WindowLimits(late_minutes, 48)
    topic.windows = restored(topic).incomplete_since(NOON_S, limits)
    assert topic.windows.complete_from == NOON_S // 60 + 6
    after = topic.commit([tweet(0), tweet(50, "fear"), tweet(91)], NOON_S)
    assert topic.kept()[minute(0)] == {("", "joy"): 1}, "it was closed"
    assert after.late == (2 if late_minutes == 10 else 1)
    assert topic.kept()[minute(50)] == {("", "joy"): 1} | ({("", "fear"): 1} if late_minutes == 120 else {})
    topic.commit([tweet(400)], NOON_S)
    assert topic.windows.reopened_ms is None
    assert len(topic.windows.minutes) == 1


def test_windows_that_are_given_up_delete_every_record() -> None:
    topic = WindowTopic(PartitionWindows(LIMITS))
    topic.commit([tweet(0), tweet(1), tweet(90)], NOON_S)
    topic.adopt(PartitionWindows(LIMITS), restored(topic).forgotten())
    assert set(topic.records.values()) == {None}
