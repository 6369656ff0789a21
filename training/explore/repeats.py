"""Texts that occur more than once in a data set: within a split or across splits, with one label or with several."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

from training.data.splits import Split


class Place(NamedTuple):
    """One row that has a text, and the row's label."""

    split: str
    number: int
    label: str

    @property
    def row(self) -> str:
        """The row's name in reports, such as `train-17`."""
        return f"{self.split}-{self.number}"


Places = Mapping[str, Sequence[Place]]
"""For each text the rows that have this text, in the order of splits and rows."""


def places(splits: Iterable[Split], labels: Sequence[str]) -> Places:
    """Return the rows of each text; two texts are the same only if every character is the same."""
    found: dict[str, list[Place]] = {}
    for split in splits:
        for number, text, target in zip(split.numbers, split.texts, split.targets, strict=True):
            found.setdefault(text, []).append(Place(split.name, number, labels[target]))
    return found


def within(found: Places) -> dict[str, Any]:
    """Return how many rows repeat the text of an earlier row, and the texts that have more than one label."""
    contradictions = [_named(rows) for rows in found.values() if _labels(rows) > 1]
    return {
        "repeated_rows": sum(len(rows) - 1 for rows in found.values()),
        "contradicting_texts": len(contradictions),
        "contradictions": contradictions,
    }


def across(found: Places, splits: Sequence[str]) -> list[dict[str, Any]]:
    """Return for each pair of splits the texts that are in both, and how many of the texts have another label there."""
    return [_shared(found, pair) for pair in combinations(splits, 2)]


def _shared(found: Places, pair: tuple[str, str]) -> dict[str, Any]:
    inside = [[place for place in rows if place.split in pair] for rows in found.values()]
    both = [rows for rows in inside if {place.split for place in rows} == set(pair)]
    return {
        "splits": list(pair),
        "texts": len(both),
        "with_another_label": sum(_labels(rows) > 1 for rows in both),
        "places": [_named(rows) for rows in both],
    }


def _labels(rows: Sequence[Place]) -> int:
    return len({place.label for place in rows})


def _named(rows: Sequence[Place]) -> dict[str, str]:
    return {place.row: place.label for place in rows}
