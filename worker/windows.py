"""The counts of minutes, hours and days that a commit has changed."""

from collections.abc import Mapping
from dataclasses import dataclass

from tweets.periods import Cells, Period


@dataclass(frozen=True, slots=True)
class WindowUpdate:
    """Absolute counts of one partition, as of a committed input offset in a generation of the group."""

    generation: int
    offset: int
    periods: Mapping[Period, Cells]
