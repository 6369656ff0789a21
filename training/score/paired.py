"""Compare two models on the same rows: test whether the difference between them is more than chance."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest  # type: ignore[import-untyped,unused-ignore]

from training.score.calibration import Floats
from training.score.evaluation import Evaluation
from training.score.intervals import Interval, interval


@dataclass(frozen=True, slots=True)
class Difference:
    """The score of this model minus that of the other, with the 95 % interval over the same bootstrap samples."""

    value: float
    interval: Interval

    def as_dict(self, digits: int = 6) -> dict[str, Any]:
        """Return the difference JSON-ready."""
        return {"value": round(self.value, digits), "interval": self.interval.as_list(digits)}


@dataclass(frozen=True, slots=True)
class Paired:
    """The comparison of this model with another model on the same rows."""

    other: Evaluation
    only_this_right: int
    """Rows that this model labels correctly and the other model does not."""
    only_other_right: int
    mcnemar_p: float
    """The p-value of McNemar's exact test."""
    accuracy: Difference
    macro_f1: Difference
    f1: dict[str, Difference]
    """The difference in F1 of each label."""

    def summary(self) -> dict[str, Any]:
        """Return the comparison without the differences by label, JSON-ready."""
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
    """Compare two evaluations, which must have the same rows, labels in the same order, and as many samples."""
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
    """Return the two-sided p-value of McNemar's exact test (McNemar 1947, binomial).

    The null hypothesis: both models are equally good, so each row that only one of the models labels correctly falls to
    either model with probability 1/2. The p-value is 1 if there is no such row.
    """
    differing = only_one_right + only_other_right
    return float(binomtest(only_one_right, differing).pvalue) if differing else 1.0


def _difference(value: float, samples: Floats) -> Difference:
    return Difference(value, interval(samples))
