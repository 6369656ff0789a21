"""The closed periods as ranges."""

from hypothesis import given
from hypothesis import strategies as st

from tweets.periods import UNITS, Period
from worker.windows.closed_periods import ClosedPeriods

PERIODS = st.builds(Period, st.sampled_from(UNITS), st.integers(-5, 40))


@given(st.sets(PERIODS), st.sets(PERIODS))
def test_the_ranges_have_what_was_added_in_two_parts_and_nothing_else(first: set[Period], second: set[Period]) -> None:
    closed = ClosedPeriods().plus(first).plus(second - first)
    assert set(closed) == first | second
    assert len(closed) == len(first | second)
    every = {Period(unit, number) for unit in UNITS for number in range(-6, 42)}
    assert {period for period in every if period in closed} == first | second
    assert ClosedPeriods.from_fields(closed.to_fields()) == ClosedPeriods(
        {unit: closed.ranges[unit] for unit in UNITS if unit in closed.ranges}
    )


def test_a_commit_that_closes_and_deletes_nothing_costs_nothing() -> None:
    closed = ClosedPeriods().plus(Period("minute", number) for number in range(0, 1_000, 2))
    assert closed.plus([]) is closed
    assert closed.without_first({"minute": 0}) is closed
    assert closed.plus([Period("hour", 3)]).ranges["minute"] is closed.ranges["minute"]
