"""The evaluation of one model on one split: scores, intervals, confusion matrix and calibration."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from training.score.calibration import Reliability, reliability
from training.score.intervals import RowOutcomes, Samples, bootstrap, interval, outcomes
from training.score.scores import Probabilities, Scores, score
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

    def summary(self) -> dict[str, Any]:
        """Return the main scores with their intervals, JSON-ready."""
        return {
            "model": str(self.model.path),
            "model_id": self.model.model_id,
            "temperature": self.model.temperature,
            **self.scores.as_dict(_DIGITS),
            "mean_confidence": round(self.reliability.mean_confidence, _DIGITS),
            "intervals": {name: interval(getattr(self.samples, name)).as_list(_DIGITS) for name in WITH_INTERVAL},
        }

    def details(self) -> dict[str, Any]:
        """Return the confusion matrix [true label, predicted label] and the bins of confidence, JSON-ready."""
        return {
            "labels": list(self.model.labels),
            "confusion": self.outcomes.confusion().tolist(),
            "reliability": self.reliability.as_list(_DIGITS),
        }


def evaluation_of(
    model: ModelFolder, probabilities: Probabilities, targets: Sequence[int], *, resamples: int
) -> Evaluation:
    """Return the evaluation of a model's probabilities [rows, labels] against the class numbers [rows] of a split."""
    rows = outcomes(probabilities, targets)
    return Evaluation(
        model=model,
        probabilities=probabilities,
        scores=score(probabilities, targets, model.labels),
        outcomes=rows,
        reliability=reliability(rows.confidences, rows.right),
        samples=bootstrap(rows, resamples=resamples),
    )
