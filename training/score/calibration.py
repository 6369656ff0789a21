"""Measure calibration: of predictions with a confidence of 0.8, 80 % should be correct."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

BINS: Final = 15
"""Bins of equal width: the number that Guo et al. 2017 use, so that errors are comparable."""
CHANCE_DRAWS: Final = 1000
"""Draws behind the mean error by chance: their mean is steady to four decimals on 500 rows."""
CHANCE_SEED: Final = 0
"""The same for all models, so that a repeated evaluation gives the same figures."""

_OUTCOMES_AT_ONCE: Final = 2_000_000
"""Outcomes drawn at once: limits the memory of a large split's draws to a few dozen megabytes."""

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reliability:
    """Confidence and accuracy by bin of confidence, [BINS] each; both are 0 in a bin without rows."""

    rows: Numbers
    confidence: Floats
    accuracy: Floats
    mean_confidence: float
    """The mean over all rows."""

    @property
    def error(self) -> float:
        """Return the expected calibration error: mean |accuracy - confidence| of the bins, weighted by rows.

        Source: Guo et al. 2017, equation 3.
        """
        return float(np.sum(self.rows * np.abs(self.accuracy - self.confidence)) / self.rows.sum())

    def as_list(self, digits: int = 6) -> list[dict[str, Any]]:
        """Return the bins that have rows, JSON-ready, rounded to `digits`."""
        return [
            {
                "above": round(number / BINS, digits),
                "to": round((number + 1) / BINS, digits),
                "rows": int(self.rows[number]),
                "confidence": round(float(self.confidence[number]), digits),
                "accuracy": round(float(self.accuracy[number]), digits),
            }
            for number in np.flatnonzero(self.rows)
        ]


def bin_numbers(confidences: Floats) -> Numbers:
    """Return the bin of each confidence [rows]: bin b holds the interval from b / BINS (excluded) to (b + 1) / BINS."""
    return np.clip(np.ceil(confidences * BINS).astype(np.int64) - 1, 0, BINS - 1)


def reliability(confidences: Floats, right: npt.NDArray[np.bool_]) -> Reliability:
    """Sort rows into bins by the confidence of the predicted label; `right` is true where it is the true label."""
    bins = bin_numbers(confidences)
    rows = np.bincount(bins, minlength=BINS)
    filled = np.maximum(rows, 1)
    return Reliability(
        rows=rows,
        confidence=np.bincount(bins, confidences, minlength=BINS) / filled,
        accuracy=np.bincount(bins, right, minlength=BINS) / filled,
        mean_confidence=float(confidences.mean()),
    )


def calibration_error(probabilities: Floats, targets: Sequence[int]) -> float:
    """Return the expected calibration error, 0 to 1, of probabilities [rows, labels] and class numbers [rows]."""
    right = probabilities.argmax(axis=1) == np.asarray(targets)
    return reliability(probabilities.max(axis=1), right).error


def chance_error(confidences: Floats, *, draws: int = CHANCE_DRAWS, seed: int = CHANCE_SEED) -> float:
    """Return the mean expected calibration error of a perfectly calibrated model with these confidences [rows].

    In each draw, the label of a row is correct with the probability that the row's confidence names. The error of such
    a draw is 0 only with infinitely many rows: with few rows the accuracy of a bin differs from its confidence by
    chance. Source: the consistency resampling of Bröcker and Smith 2007 (Increasing the reliability of reliability
    diagrams), which Vaicenavicius et al. 2019 (Evaluating model calibration in classification) apply to this error.
    """
    bins = bin_numbers(confidences)
    order = np.argsort(bins, kind="stable")
    ordered = confidences[order]
    starts = np.flatnonzero(np.diff(bins[order], prepend=-1))  # the first row of each bin that has rows
    random = np.random.default_rng(seed)
    at_once = max(1, _OUTCOMES_AT_ONCE // len(ordered))
    total = 0.0
    for done in range(0, draws, at_once):
        right = random.random((min(at_once, draws - done), len(ordered))) < ordered
        total += float(np.abs(np.add.reduceat(right - ordered, starts, axis=1)).sum())
    return total / draws / len(ordered)
