"""The types of command-line options, for argparse: each names the refused text and what is allowed."""

from argparse import ArgumentTypeError
from collections.abc import Callable
from math import inf, nan
from typing import Final


def whole(least: int) -> Callable[[str], int]:
    """Return the type of whole numbers from `least` on."""

    def convert(text: str) -> int:
        try:
            number = int(text)
        except ValueError:  # no number, or one with more digits than int() reads
            number = least - 1
        if number < least:
            raise ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return number

    return convert


def number(least: float, most: float = inf) -> Callable[[str], float]:
    """Return the type of finite numbers from `least` to `most`, both allowed."""
    allowed = f"a number of at least {least:g}" if most == inf else f"a number from {least:g} to {most:g}"

    def convert(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = nan
        if not least <= number <= most or number == inf:
            raise ArgumentTypeError(f"{text!r} is not {allowed}")
        return number

    return convert


def different_names(least: int = 1) -> Callable[[str], tuple[str, ...]]:
    """Return the type of at least `least` names, separated by commas, no two of them equal; blanks around are cut."""
    allowed = "different names" if least == 1 else f"at least {least} different names"

    def convert(text: str) -> tuple[str, ...]:
        found = tuple(name.strip() for name in text.split(","))
        if "" in found or len(set(found)) < len(found) or len(found) < least:
            raise ArgumentTypeError(f"{text!r}: give {allowed}, separated by commas")
        return found

    return convert


def optional(text: str) -> str | None:
    """Return the name, or None for `none`."""
    return None if text == "none" else text


positive: Final = whole(1)
"""Whole numbers from 1 on."""

not_negative: Final = number(0)
"""Finite numbers from 0 on."""

names: Final = different_names()
"""Names separated by commas, no two of them equal."""
