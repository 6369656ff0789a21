"""Rounds of one contender, and ratios between contenders."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

#: A contender whose worst round is this much slower than its best was disturbed by other load, or by the machine.
DISTURBED_ABOVE: Final = 0.25


@dataclass
class Measurement:
    """The results of a contender's rounds, higher is faster. `unit` is that of each round."""

    name: str
    unit: str = "tweets/s"
    rounds: list[float] = field(default_factory=list)

    @property
    def best(self) -> float:
        """The fastest round."""
        return max(self.rounds)

    @property
    def median(self) -> float:
        """The round in the middle."""
        return median(self.rounds)

    @property
    def spread(self) -> float:
        """How much slower the slowest round is than the fastest, from 0 to 1."""
        return 1 - min(self.rounds) / self.best if self.best else 0.0

    @property
    def disturbed(self) -> bool:
        """Whether the spread is too large for the median to mean much."""
        return self.spread > DISTURBED_ABOVE

    def as_json(self) -> dict[str, Any]:
        """Return the fields for the JSON line."""
        return {
            "unit": self.unit,
            "best": round(self.best, 1),
            "median": round(self.median, 1),
            "spread": round(self.spread, 3),
            "rounds": [round(each, 1) for each in self.rounds],
        }


Measurements = Mapping[str, Measurement]


def fastest(measurements: Measurements, *prefixes: str, without: str = "\0") -> Measurement | None:
    """Return the measurement with the best round among the names with one of these beginnings; None if there is none.

    A name that contains `without` does not count.
    """
    found = [each for name, each in measurements.items() if name.startswith(prefixes) and without not in name]
    return max(found, key=lambda each: each.best, default=None)


def ratio(one: Measurement | None, other: Measurement | None) -> float | None:
    """Return the ratio of the best rounds; None if one of them was not measured.

    The speed of a virtual machine drifts by a third within a minute, and best rounds drift least.
    """
    return None if one is None or other is None or not other.best else round(one.best / other.best, 3)
