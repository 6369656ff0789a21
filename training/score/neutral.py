"""Scores of the neutral output: it separates rows that show none of the labels from rows with a label.

A row is called neutral if its probability of neutral is above a threshold, as in the worker.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.metrics import roc_auc_score

from training.score.calibration import Floats, chance_error, reliability

_DIGITS: Final = 6
"""Decimal places in JSON: one row in a million still changes a share."""
THRESHOLDS: Final = tuple(hundredth / 100 for hundredth in range(1, 100))
"""Thresholds that can be suggested: hundredths are as fine as a few hundred rows can decide."""


@dataclass(frozen=True, slots=True)
class NeutralScores:
    """Probabilities of neutral, float64 [rows]: of rows with a label, and of neutral rows (may be empty)."""

    labelled: Floats
    neutral: Floats

    @property
    def area(self) -> float | None:
        """The area under the ROC curve: the probability that a neutral row gets the higher value; None without rows."""
        if not len(self.labelled) or not len(self.neutral):
            return None
        truth = np.repeat([0, 1], [len(self.labelled), len(self.neutral)])
        return float(roc_auc_score(truth, np.concatenate([self.labelled, self.neutral])))

    def found(self, threshold: float) -> float | None:
        """Return the share of neutral rows that are called neutral; None without neutral rows."""
        return _share_above(self.neutral, threshold)

    def lost(self, threshold: float) -> float | None:
        """Return the share of rows with a label that are called neutral; None without such rows."""
        return _share_above(self.labelled, threshold)

    def calibration(self) -> tuple[float, float] | None:
        """Return the expected calibration error of the more probable answer, and the error less chance."""
        if not len(self.neutral):
            return None
        probabilities = np.concatenate([self.labelled, self.neutral])
        truth = np.repeat([False, True], [len(self.labelled), len(self.neutral)])
        confidences = np.maximum(probabilities, 1 - probabilities)
        error = reliability(confidences, (probabilities > 0.5) == truth).error
        return error, error - chance_error(confidences)

    def as_dict(self, threshold: float | None) -> dict[str, Any]:
        """Return the scores JSON-ready; the shares are those at `threshold`, and are left out for None."""
        found: dict[str, Any] = {"rows": len(self.neutral), "labelled_rows": len(self.labelled)}
        found["area_under_roc"] = _rounded(self.area)
        calibration = self.calibration() or (None, None)
        found |= {"ece": _rounded(calibration[0]), "ece_less_chance": _rounded(calibration[1])}
        if threshold is None:
            return found
        at = {"found": _rounded(self.found(threshold)), "lost": _rounded(self.lost(threshold))}
        return {**found, "threshold": threshold, **at}


@dataclass(frozen=True, slots=True)
class ThresholdLimit:
    """Scores on one set of rows for the choice of a threshold, and the largest share of labelled rows to lose."""

    name: str
    scores: NeutralScores
    max_lost: float

    def is_kept(self, threshold: float) -> bool:
        """Return whether the threshold loses no more than the limit."""
        return (self.scores.lost(threshold) or 0.0) <= self.max_lost

    def as_dict(self, threshold: float | None) -> dict[str, Any]:
        """Return limit and scores JSON-ready."""
        return {"max_lost": self.max_lost, **self.scores.as_dict(threshold)}


def suggested_threshold(limits: Sequence[ThresholdLimit]) -> float | None:
    """Return the lowest of THRESHOLDS that keeps every limit; None if there is no limit or no threshold keeps them.

    The lowest threshold finds the most neutral rows.
    """
    if not limits:
        return None
    kept = (threshold for threshold in THRESHOLDS if all(limit.is_kept(threshold) for limit in limits))
    return next(kept, None)


def _share_above(probabilities: Floats, threshold: float) -> float | None:
    return float(np.mean(probabilities > threshold)) if len(probabilities) else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
