"""The types of command-line options: what each takes, and the words of a refusal."""

from argparse import ArgumentTypeError
from collections.abc import Callable

import pytest

from worker.process.option_types import different_names, names, not_negative, number, optional, positive, whole

Type = Callable[[str], object]


def refusal(option_type: Type, text: str) -> str:
    with pytest.raises(ArgumentTypeError) as caught:
        option_type(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("option_type", "text", "value"),
    [
        (positive, "1", 1),
        (positive, "12", 12),
        (whole(0), "0", 0),
        (whole(-3), "-3", -3),
        (not_negative, "0", 0.0),
        (not_negative, "1e3", 1000.0),
        (number(-1, 1), "-1", -1.0),
        (number(-1, 1), "1", 1.0),
        (names, "a", ("a",)),
        (names, "a, b", ("a", "b")),
        (different_names(2), "a,b", ("a", "b")),
        (optional, "none", None),
        (optional, "other", "other"),
    ],
)
def test_a_value_within_the_bounds_is_taken(option_type: Type, text: str, value: object) -> None:
    assert option_type(text) == value


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "x", "", "nan", "9" * 5_000])
def test_anything_but_a_whole_number_from_the_bound_on_is_refused(text: str) -> None:
    assert refusal(positive, text) == f"{text!r} is not a whole number of at least 1"


@pytest.mark.parametrize("text", ["-0.1", "x", "", "nan", "inf", "-inf"])
def test_anything_but_a_finite_number_from_the_bound_on_is_refused(text: str) -> None:
    assert refusal(not_negative, text) == f"{text!r} is not a number of at least 0"


@pytest.mark.parametrize("text", ["-0.1", "1.1", "inf", "nan"])
def test_a_number_outside_two_bounds_is_refused_with_both(text: str) -> None:
    assert refusal(number(0, 1), text) == f"{text!r} is not a number from 0 to 1"


@pytest.mark.parametrize("text", ["", "a,", "a,,b", "a,a", "a, a"])
def test_empty_and_repeated_names_are_refused(text: str) -> None:
    assert refusal(names, text) == f"{text!r}: give different names, separated by commas"


def test_too_few_names_are_refused_with_their_number() -> None:
    assert refusal(different_names(2), "a") == "'a': give at least 2 different names, separated by commas"
