"""The evaluation of one model on one split: scores, intervals, confusion matrix and calibration."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from training.score.calibration import Floats, Reliability, reliability
from training.score.intervals import RowOutcomes, Samples, bootstrap, interval, outcomes
from training.score.neutral import NeutralScores
from training.score.scores import Probabilities, Scores, score
from training.score.served import Served
from tweets.emotions import NEUTRAL
from worker.inference.model_folder import ModelFolder

WITH_INTERVAL: Final = ("accuracy", "macro_f1", "weighted_f1", "ece")
"""The scores that get a bootstrap interval."""
_DIGITS: Final = 6
"""Decimal places in JSON: one row in a million still changes the accuracy."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The scores of a model on a split, and the outcomes and samples from which the scores are computed."""

    model: ModelFolder
    probabilities: Probabilities
    scores: Scores
    outcomes: RowOutcomes
    reliability: Reliability
    samples: Samples
    neutral: NeutralScores | None
    """Scores of the neutral output; None for a model without a neutral output."""
    neutral_threshold: float | None
    """The probability above which a row is called neutral; None: no shares are counted."""
    neutral_rows: int
    """Neutral rows of the split."""

    def summary(self) -> dict[str, Any]:
        """Return the main scores with their intervals, JSON-ready."""
        return {
            "model": str(self.model.path),
            "model_id": self.model.model_id,
            "temperature": self.model.temperature,
            **self.scores.as_dict(_DIGITS),
            "mean_confidence": round(self.reliability.mean_confidence, _DIGITS),
            "intervals": {name: interval(getattr(self.samples, name)).as_list(_DIGITS) for name in WITH_INTERVAL},
            **self._neutral(),
        }

    def _neutral(self) -> dict[str, Any]:
        if self.neutral is not None:
            return {"neutral": self.neutral.as_dict(self.neutral_threshold)}
        return {"not_scored": {NEUTRAL: self.neutral_rows}} if self.neutral_rows else {}

    def details(self) -> dict[str, Any]:
        """Return the confusion matrix [true label, predicted label] and the bins of confidence, JSON-ready."""
        return {
            "labels": list(self.model.labels),
            "confusion": self.outcomes.confusion().tolist(),
            "reliability": self.reliability.as_list(_DIGITS),
        }


@dataclass(frozen=True, slots=True)
class NeutralRows:
    """The neutral rows of a split, which have no class number."""

    rows: int
    probabilities: Floats | None = None
    """The probability of neutral of each row, [rows]; None for a model without a neutral output."""
    threshold: float | None = None
    """The probability above which a row is called neutral, if there is one."""


NO_NEUTRAL_ROWS: Final = NeutralRows(0)


def evaluation_of(
    model: ModelFolder,
    given: Served,
    targets: Sequence[int],
    *,
    resamples: int,
    neutral: NeutralRows = NO_NEUTRAL_ROWS,
) -> Evaluation:
    """Return the evaluation of a model's probabilities against the class numbers [rows] of a split.

    `given` belongs to the rows with a label, `neutral` to the neutral rows.
    """
    probabilities = given.scores
    rows = outcomes(probabilities, targets)
    of_neutral = np.array([]) if neutral.probabilities is None else neutral.probabilities
    return Evaluation(
        model=model,
        probabilities=probabilities,
        scores=score(probabilities, targets, model.labels),
        outcomes=rows,
        reliability=reliability(rows.confidences, rows.right),
        samples=bootstrap(rows, resamples=resamples),
        neutral=None if given.neutral is None else NeutralScores(given.neutral, of_neutral),
        neutral_threshold=neutral.threshold,
        neutral_rows=neutral.rows,
    )
