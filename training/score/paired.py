"""Two models on the same rows: whether the difference between them is more than chance."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest  # type: ignore[import-untyped,unused-ignore]

from training.score.calibration import Floats
from training.score.evaluation import Evaluation
from training.score.intervals import Interval, interval


@dataclass(frozen=True, slots=True)
class Difference:
    """This model's figure minus the other's, and the 95 % interval over the same bootstrap samples."""

    value: float
    interval: Interval

    def as_dict(self, digits: int = 6) -> dict[str, Any]:
        """Return the difference JSON-ready."""
        return {"value": round(self.value, digits), "interval": self.interval.as_list(digits)}


@dataclass(frozen=True, slots=True)
class Paired:
    """A model against another on the same rows."""

    other: Evaluation
    only_this_right: int
    """Rows that this model labels rightly and the other does not."""
    only_other_right: int
    mcnemar_p: float
    accuracy: Difference
    macro_f1: Difference
    f1: dict[str, Difference]
    """By label."""

    def summary(self) -> dict[str, Any]:
        """Return the result JSON-ready."""
        return {
            "model": str(self.other.model.path),
            "model_id": self.other.model.model_id,
            "accuracy": round(self.other.scores.accuracy, 6),
            "macro_f1": round(self.other.scores.macro_f1, 6),
            "only_this_right": self.only_this_right,
            "only_other_right": self.only_other_right,
            "mcnemar_p": float(f"{self.mcnemar_p:.4g}"),
            "accuracy_difference": self.accuracy.as_dict(),
            "macro_f1_difference": self.macro_f1.as_dict(),
        }

    def details(self) -> dict[str, Any]:
        """Return the summary with the differences by label."""
        return {**self.summary(), "f1_differences": {label: found.as_dict() for label, found in self.f1.items()}}


def paired(this: Evaluation, other: Evaluation) -> Paired:
    """Compare two evaluations on the same rows, with the labels in the same order."""
    one, two = this.outcomes.right, other.outcomes.right
    only_this, only_other = int(np.sum(one & ~two)), int(np.sum(two & ~one))
    differences = this.samples.f1 - other.samples.f1
    return Paired(
        other=other,
        only_this_right=only_this,
        only_other_right=only_other,
        mcnemar_p=mcnemar(only_this, only_other),
        accuracy=_difference(
            this.scores.accuracy - other.scores.accuracy, this.samples.accuracy - other.samples.accuracy
        ),
        macro_f1=_difference(
            this.scores.macro_f1 - other.scores.macro_f1, this.samples.macro_f1 - other.samples.macro_f1
        ),
        f1={
            label: _difference(row.f1 - other.scores.per_class[label].f1, differences[:, number])
            for number, (label, row) in enumerate(this.scores.per_class.items())
        },
    )


def mcnemar(only_one_right: int, only_other_right: int) -> float:
    """Return how likely so uneven a split of the differing rows is between equally good models.

    Two-sided and exact: the binomial test of McNemar 1947; 1 where no row differs.
    """
    differing = only_one_right + only_other_right
    return float(binomtest(only_one_right, differing).pvalue) if differing else 1.0


def _difference(value: float, samples: Floats) -> Difference:
    return Difference(value, interval(samples))
