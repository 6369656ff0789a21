"""The arithmetic of the watchdog, on a fake clock."""

import pytest

from tests.clock import Clock
from worker.process.watchdog import Watchdog


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watchdog(clock: Clock) -> Watchdog:
    return Watchdog(clock)


def test_nothing_is_overdue_outside_a_step(watchdog: Watchdog, clock: Clock) -> None:
    clock.now_s = 1e9
    assert watchdog.overdue() is None


def test_a_step_is_overdue_after_its_limit(watchdog: Watchdog, clock: Clock) -> None:
    with watchdog.step("commit", 20):
        clock.now_s = 20
        assert watchdog.overdue() is None
        clock.now_s = 20.01
        assert watchdog.overdue() == "commit has taken more than 20 s"
    assert watchdog.overdue() is None


def test_the_inner_step_counts_while_it_lasts(watchdog: Watchdog, clock: Clock) -> None:
    with watchdog.step("turn", 10):
        with watchdog.step("poll", 60):
            clock.now_s = 50
            assert watchdog.overdue() is None
            clock.now_s = 61
            assert watchdog.overdue() == "poll has taken more than 60 s"
        assert watchdog.overdue() is None


def test_the_outer_step_gets_its_whole_time_again_after_an_inner_one(watchdog: Watchdog, clock: Clock) -> None:
    with watchdog.step("turn", 10):
        with watchdog.step("poll", 60):
            clock.now_s = 30
        clock.now_s = 40
        assert watchdog.overdue() is None
        clock.now_s = 40.5
        assert watchdog.overdue() == "turn has taken more than 10 s"


def test_a_step_that_fails_is_over(watchdog: Watchdog, clock: Clock) -> None:
    with pytest.raises(ValueError, match="x"), watchdog.step("commit", 1):
        raise ValueError("x")
    clock.now_s = 5
    assert watchdog.overdue() is None


def test_shutdown_has_a_limit_over_all_steps(watchdog: Watchdog, clock: Clock) -> None:
    watchdog.finish_within(9)
    with watchdog.step("commit", 60):
        clock.now_s = 9.5
        assert watchdog.overdue() == "shutdown has taken more than 9 s"
    assert watchdog.overdue() == "shutdown has taken more than 9 s"


def test_a_second_shutdown_does_not_prolong_the_limit(watchdog: Watchdog, clock: Clock) -> None:
    watchdog.finish_within(9)
    clock.now_s = 8
    watchdog.finish_within(9)
    clock.now_s = 9.5
    assert watchdog.overdue() is not None
