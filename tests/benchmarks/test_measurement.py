"""Ratios are between best rounds, and rounds that differ too much are reported."""

import pytest

from benchmarks.suite.measurement import Measurement, fastest, ratio


def measured(name: str, *rounds: float) -> Measurement:
    return Measurement(name, rounds=list(rounds))


def test_a_ratio_is_between_the_best_rounds() -> None:
    assert ratio(measured("one", 300, 100, 200), measured("other", 50, 150)) == 2.0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (None, measured("other", 1)),
        (measured("one", 1), None),
        (None, None),
        (measured("one", 1), measured("other", 0)),
    ],
)
def test_without_both_measurements_there_is_no_ratio(one: Measurement | None, other: Measurement | None) -> None:
    assert ratio(one, other) is None


@pytest.mark.parametrize(
    ("rounds", "spread", "disturbed"),
    [((100, 76), 0.24, False), ((100, 74), 0.26, True), ((100,), 0.0, False), ((40, 100, 90), 0.6, True)],
)
def test_rounds_that_differ_by_more_than_a_quarter_were_disturbed(
    rounds: tuple[float, ...], spread: float, disturbed: bool
) -> None:
    found = measured("one", *rounds)
    assert found.spread == pytest.approx(spread)
    assert found.disturbed is disturbed


def test_the_fastest_setting_is_chosen_by_its_best_round_and_sorted_ones_can_be_left_out() -> None:
    found = {
        each.name: each
        for each in (measured("pipeline a", 5, 9), measured("pipeline b", 8, 8), measured("pipeline a sorted", 20))
    }
    assert fastest(found, "pipeline ") == found["pipeline a sorted"]
    assert fastest(found, "pipeline ", without=" sorted") == found["pipeline a"]
    assert fastest(found, "openvino ") is None
