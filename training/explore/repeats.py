"""Texts that stand in a data set more than once: within a split, across splits, with one label or with several."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

from training.data.splits import Split


class Place(NamedTuple):
    """Where a text stands, and under which label."""

    split: str
    number: int
    label: str

    @property
    def row(self) -> str:
        """The row's name in reports, such as `train-17`."""
        return f"{self.split}-{self.number}"


Places = Mapping[str, Sequence[Place]]
"""For each text, where it stands, in the order of splits and rows."""


def places(splits: Iterable[Split], labels: Sequence[str]) -> Places:
    """Return where each text stands; only texts that are the same letter by letter count as one."""
    found: dict[str, list[Place]] = {}
    for split in splits:
        for number, text, target in zip(split.numbers, split.texts, split.targets, strict=True):
            found.setdefault(text, []).append(Place(split.name, number, labels[target]))
    return found


def within(found: Places) -> dict[str, Any]:
    """Return how many rows repeat an earlier text, and the texts that have several labels."""
    contradictions = [_named(standing) for standing in found.values() if _labels(standing) > 1]
    return {
        "repeated_rows": sum(len(standing) - 1 for standing in found.values()),
        "contradicting_texts": len(contradictions),
        "contradictions": contradictions,
    }


def across(found: Places, splits: Sequence[str]) -> list[dict[str, Any]]:
    """Return for each pair of splits the texts that stand in both, and how many of them with another label."""
    return [_shared(found, pair) for pair in combinations(splits, 2)]


def _shared(found: Places, pair: tuple[str, str]) -> dict[str, Any]:
    inside = [[place for place in standing if place.split in pair] for standing in found.values()]
    both = [standing for standing in inside if {place.split for place in standing} == set(pair)]
    return {
        "splits": list(pair),
        "texts": len(both),
        "with_another_label": sum(_labels(standing) > 1 for standing in both),
        "places": [_named(standing) for standing in both],
    }


def _labels(standing: Sequence[Place]) -> int:
    return len({place.label for place in standing})


def _named(standing: Sequence[Place]) -> dict[str, str]:
    return {place.row: place.label for place in standing}
