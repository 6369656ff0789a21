"""Types of training's options, for argparse."""

from argparse import ArgumentTypeError
from collections.abc import Callable


def optional(text: str) -> str | None:
    """A name, or None for `none`."""
    return None if text == "none" else text


def names(text: str) -> tuple[str, ...]:
    """Different names with commas between them."""
    found = tuple(name.strip() for name in text.split(","))
    if "" in found or len(set(found)) < len(found):
        raise ArgumentTypeError(f"{text!r}: give different names with commas between them")
    return found


def labels(text: str) -> tuple[str, ...]:
    """At least two different names."""
    found = names(text)
    if len(found) < 2:
        raise ArgumentTypeError(f"{text!r}: give at least two different names with commas between them")
    return found


def whole(least: int) -> Callable[[str], int]:
    """Whole numbers of at least so much."""

    def convert(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return number

    return convert


def number(least: float, most: float = float("inf")) -> Callable[[str], float]:
    """Finite numbers from `least` to `most`."""

    def convert(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not least <= number <= most or number == float("inf"):
            raise ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")
        return number

    return convert
