"""How much two sets of counts differ, cell by cell, and where first. Pure."""

from collections.abc import Mapping
from typing import Final, NamedTuple

_EXAMPLES: Final = 5

Table = Mapping[str, Mapping[str, int]]
"""Name of a row → name of a cell → count; a count that is missing is 0."""


class CountsDifference(NamedTuple):
    """The sum of the absolute differences, and the first cells that differ."""

    sum: int = 0
    examples: tuple[str, ...] = ()

    def plus(self, other: "CountsDifference") -> "CountsDifference":
        """Return the sum of both."""
        return CountsDifference(self.sum + other.sum, (*self.examples, *other.examples)[:_EXAMPLES])


NONE: Final = CountsDifference()


def difference(found: Table, expected: Table) -> CountsDifference:
    """Compare all cells of both tables."""
    total, examples = 0, []
    for row in sorted({*found, *expected}):
        here, there = found.get(row, {}), expected.get(row, {})
        for cell in sorted({*here, *there}):
            has, wanted = here.get(cell, 0), there.get(cell, 0)
            if has != wanted:
                total += abs(has - wanted)
                examples.append(f"{row} {cell} is {has} instead of {wanted}")
    return CountsDifference(total, tuple(examples[:_EXAMPLES]))
