"""Agreement of two passes of labelling over the same rows."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A row with two different labels; `number` counts from 0 within the data set."""

    number: int
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two passes of labels agree."""

    rows: int
    kappa: float
    """Cohen's kappa: 1 is complete agreement, 0 the agreement of labels drawn at random from both passes."""
    disagreements: tuple[Disagreement, ...]
    """In the order of the rows."""

    @property
    def share(self) -> float:
        """Return the share of rows with the same label in both passes."""
        return 1 - len(self.disagreements) / self.rows

    def as_dict(self) -> dict[str, Any]:
        """Return the figures, JSON-ready, and how often each pair of different labels occurs."""
        pairs = Counter(f"{one.first} / {one.second}" for one in self.disagreements)
        return {
            "rows": self.rows,
            "same_label": round(self.share, 6),
            "kappa": round(self.kappa, 6),
            "different_labels": len(self.disagreements),
            "pairs": dict(sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))),
        }


def agreement(first: Mapping[int, str], second: Mapping[int, str]) -> Agreement:
    """Compare two passes of labels by row number; rows that only one pass has do not count.

    Source of kappa: Cohen 1960. Raises ValueError if the passes have no row in common.
    """
    numbers = sorted(first.keys() & second.keys())
    if not numbers:
        raise ValueError("the two passes have no row in common")
    differing = tuple(
        Disagreement(number, first[number], second[number]) for number in numbers if first[number] != second[number]
    )
    observed = 1 - len(differing) / len(numbers)
    counts = [Counter(labels[number] for number in numbers) for labels in (first, second)]
    expected = sum(counts[0][label] * counts[1][label] for label in counts[0]) / len(numbers) ** 2
    kappa = 1.0 if expected == 1 else (observed - expected) / (1 - expected)
    return Agreement(len(numbers), kappa, differing)
