"""Count the training rows of each data set by label."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from training.data.mapping import Targets
from training.data.parts import TrainingPart
from tweets.emotions import NEUTRAL

SEVERAL: Final = "several labels"
NO_LABEL: Final = "no label"
"""The name of rows whose labels are all skipped: they learn from a teacher alone."""


def data_counts(parts: Sequence[TrainingPart], labels: Sequence[str], left_out: Mapping[str, int]) -> dict[str, Any]:
    """Return the rows of each data set by label, and the rows that were left out, JSON-ready.

    `left_out` are the rows whose texts are also in an evaluation set or in an earlier data set, by both names.
    """
    return {"parts": [_part(part, labels) for part in parts], "left_out": dict(left_out)}


def _part(part: TrainingPart, labels: Sequence[str]) -> dict[str, Any]:
    counts = Counter(_name(targets, labels) for targets in part.targets)
    names = [*labels, NEUTRAL, SEVERAL, NO_LABEL]
    by_label = {name: counts[name] for name in names if name in labels or counts[name]}
    return {"name": part.name, "rows": len(part), "weight": part.weight, "ratio": part.ratio, "labels": by_label}


def _name(targets: Targets, labels: Sequence[str]) -> str:
    if len(targets) != 1:
        return SEVERAL if targets else NO_LABEL
    return labels[targets[0]] if targets[0] < len(labels) else NEUTRAL
