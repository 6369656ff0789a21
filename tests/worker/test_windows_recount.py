"""Recounting minutes, hours and days: the same as counting all tweets at once, in a bounded memory."""

import math
import random
from collections import Counter

import pytest

from tests.worker.window_truth import this
from tweets.event_time import FUTURE_MAX_MS
from tweets.periods import UNITS, Cells, CountedTweet, Period
from worker.windows.cells_json import dump, load, pack, unpack
from worker.windows.recount import WindowRecount
from worker.windows.state import WindowLimits

LIMITS = WindowLimits(late_minutes=60, minute_kept_hours=48)
NOW_MS = this().start_ms


def tweet(event_ms: int, emotion: str = "joy", *subjects: str) -> CountedTweet:
    return CountedTweet(event_ms, emotion, subjects)


def test_it_equals_a_count_of_all_tweets_that_are_not_late() -> None:
    chance = random.Random(14)
    recount, expected, newest_ms, batch = WindowRecount(LIMITS, now_ms=NOW_MS), dict[Period, Cells](), 0, []
    for number in range(5_000):
        event_ms = NOW_MS - 40 * 3_600_000 + number * 20_000 - chance.randrange(90 * 60_000)
        subjects = tuple(name for name in ("x", "y") if chance.random() < 0.3)
        one = tweet(event_ms, chance.choice(["joy", "fear"]), *subjects)
        batch.append(one)
        if event_ms >= newest_ms - LIMITS.late_ms:
            newest_ms = max(newest_ms, event_ms)
            for unit in UNITS:
                cells = expected.setdefault(Period.of(unit, event_ms), Counter())
                for subject in ("", *subjects):
                    cells[subject, one.emotion] += 1
        if chance.random() < 0.05:
            recount.add(3, batch)
            batch = []
    recount.add(3, batch)
    for period, cells in expected.items():
        assert recount.cells(3, period) == cells, period
    assert recount.cells(3, Period("minute", 7)) == {}


def test_periods_that_have_expired_are_not_held() -> None:
    recount = WindowRecount(LIMITS, now_ms=NOW_MS)
    recount.add(0, [tweet(0), tweet(NOW_MS - 49 * 3_600_000), tweet(NOW_MS)])
    assert recount.cells(0, Period("minute", 0)) == {}
    assert recount.cells(0, Period("day", 0)) == {}
    assert recount.cells(0, Period.of("hour", NOW_MS - 49 * 3_600_000)) == {("", "joy"): 1}


def test_after_deleted_records_only_later_minutes_are_complete() -> None:
    recount = WindowRecount(LIMITS, now_ms=NOW_MS)
    assert recount.complete_from(0) == 0
    recount.deleted(0)
    assert math.isinf(recount.complete_from(0))
    recount.begins(0, NOW_MS)
    assert recount.complete_from(0) == (NOW_MS + FUTURE_MAX_MS) // 60_000 + 1


def test_cells_survive_their_json() -> None:
    cells: Cells = {("", "joy"): 3, ("brand-x", "läuft"): 1, ("", "fear"): 2}
    assert load(dump(cells)) == unpack(pack(cells)) == cells
    assert dump(cells) == dump(dict(reversed(cells.items())))


@pytest.mark.parametrize("text", ["", "[]", "7", '{"":7}', '{"":{"joy":-1}}', '{"":{"joy":1.5}}', '{"":{"joy":true}}'])
def test_what_no_worker_wrote_has_no_cells(text: str) -> None:
    assert load(text) == {}
