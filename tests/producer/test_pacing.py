"""The schedule of the tweets, at times that the test chooses."""

import pytest

from producer.pacing import MAX_LAG_S, Pacer


def test_tweets_are_due_evenly_from_the_first_call_on() -> None:
    pacer = Pacer(4)
    assert [pacer.next_due_s(100.0) for _ in range(4)] == [100.0, 100.25, 100.5, 100.75]


def test_small_delays_do_not_add_up() -> None:
    pacer = Pacer(10)
    now_s = 0.0
    for _ in range(100):
        now_s = max(now_s, pacer.next_due_s(now_s)) + 0.02
    assert now_s == pytest.approx(99 * 0.1 + 0.02)


def test_after_a_long_delay_the_schedule_restarts_instead_of_bursting() -> None:
    pacer = Pacer(10)
    pacer.next_due_s(0.0)
    late_s = 5.0
    assert [pacer.next_due_s(late_s) for _ in range(3)] == pytest.approx([late_s, late_s + 0.1, late_s + 0.2])


def test_a_delay_within_the_limit_is_made_up_for() -> None:
    pacer = Pacer(100)
    pacer.next_due_s(0.0)
    assert pacer.next_due_s(MAX_LAG_S) == pytest.approx(0.01)


def test_a_rate_of_zero_never_waits() -> None:
    pacer = Pacer(0)
    assert [pacer.next_due_s(now_s) for now_s in (1.0, 1.0, 2.0)] == [1.0, 1.0, 2.0]
