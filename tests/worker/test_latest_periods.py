"""Which periods the publisher still holds, and which it pushes again."""

from tests.worker.windows_publishing import LATE_MS, M1, M2, P0, cells, update
from tweets.periods import Period
from worker.redis.latest_periods import LatestPeriods
from worker.redis.published_markers import Reach
from worker.windows.state import WindowUpdate

LATE_MINUTES = LATE_MS // 60_000


def taken(latest: LatestPeriods) -> set[Period]:
    """Return the periods of the next round."""
    return set(latest.take()[1])


def test_what_is_held_and_pushed_stays_at_the_open_periods_however_long_the_worker_runs() -> None:
    latest = LatestPeriods(LATE_MS)
    latest.assign({P0: update(0)})
    held, pushed = [], []
    for number in range(1000, 1000 + 10 * LATE_MINUTES):
        minute = Period("minute", number)
        periods = {each: cells(number) for each in (minute, minute.within("hour"), minute.within("day"))}
        for _ in range(3):
            latest.publish({P0: WindowUpdate(1, number, periods)})
            latest.push_again([P0], all_periods=False)
            pushed.append(len(taken(latest)))
        held.append(len(latest.owned[P0].latest))
    assert max(held) < LATE_MINUTES + 10
    assert max(pushed) < 10


def test_each_push_is_repeated_once() -> None:
    latest = LatestPeriods(LATE_MS)
    latest.assign({P0: update(1, m1=1)})
    assert taken(latest) == {M1}
    latest.push_again([P0], all_periods=False)
    assert taken(latest) == {M1}
    for _ in range(3):
        latest.push_again([P0], all_periods=False)
        assert taken(latest) == set()


def test_newer_counts_that_replace_a_repetition_are_repeated_too() -> None:
    latest = LatestPeriods(LATE_MS)
    latest.assign({P0: update(1, m1=1)})
    taken(latest)
    latest.push_again([P0], all_periods=False)
    latest.publish({P0: update(2, m1=2)})
    for _ in range(2):
        assert taken(latest) == {M1}
        latest.push_again([P0], all_periods=False)
    assert taken(latest) == set()


def test_a_repetition_that_failed_is_pushed_again_and_repeated() -> None:
    latest = LatestPeriods(LATE_MS)
    latest.assign({P0: update(1, m1=1, m2=1)})
    taken(latest)
    latest.push_again([P0], all_periods=False)
    assert taken(latest) == {M1, M2}
    latest.put_back({M1: [P0]})
    for _ in range(2):
        assert taken(latest) == {M1}
        latest.push_again([P0], all_periods=False)
    assert taken(latest) == set()


def test_all_periods_that_are_pushed_after_a_loss_are_repeated() -> None:
    latest = LatestPeriods(LATE_MS)
    latest.assign({P0: update(1, m1=1)})
    taken(latest)
    latest.push_again([P0], all_periods=False)
    for _ in range(2):
        latest.push_again([P0], all_periods=True)
        assert taken(latest) == {M1}
    latest.push_again([P0], all_periods=False)
    assert taken(latest) == {M1}
    latest.push_again([P0], all_periods=False)
    assert taken(latest) == set()


def test_the_reach_of_a_partition_is_that_of_its_assignment() -> None:
    latest = LatestPeriods(LATE_MS)
    latest.assign({P0: WindowUpdate(5, 130, {M1: cells(1)}, complete_since=90)})
    latest.publish({P0: update(140, m2=1)})
    assert latest.owned[P0].reach == Reach(90, 130)
    assert latest.assign({P0: WindowUpdate(6, 140, {M1: cells(1)}, complete_since=90)}) == set()
    assert latest.assign({P0: WindowUpdate(7, 200, {M1: cells(1)})}) == {P0}
    assert latest.owned[P0].reach == Reach(200, 200)
