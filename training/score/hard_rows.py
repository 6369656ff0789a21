"""The rows of a split that a model finds hardest, by their ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.score.calibration import Floats, Numbers
from training.score.evaluation import Evaluation


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """One row: its place in the split, and what the model made of it."""

    place: int
    id: str
    label: str
    prediction: str
    confidence: float
    loss: float
    """The negative log likelihood of the label."""

    def as_dict(self, digits: int = 6) -> dict[str, Any]:
        """Return the row JSON-ready; the data set's text stays out."""
        named = {"id": self.id, "label": self.label, "prediction": self.prediction}
        return {**named, "confidence": round(self.confidence, digits), "loss": round(self.loss, digits)}


def hardest(evaluation: Evaluation, ids: Sequence[str], *, count: int) -> list[JudgedRow]:
    """Return the rows of the highest loss, the worst first."""
    return _judged(evaluation, ids, np.argsort(-_losses(evaluation), kind="stable")[:count])


def most_confidently_wrong(evaluation: Evaluation, ids: Sequence[str], *, count: int) -> list[JudgedRow]:
    """Return the wrong rows of the highest confidence, the worst first."""
    wrong = np.flatnonzero(~evaluation.outcomes.right)
    order = np.argsort(-evaluation.outcomes.confidences[wrong], kind="stable")
    return _judged(evaluation, ids, wrong[order][:count])


def _losses(evaluation: Evaluation) -> Floats:
    targets = evaluation.outcomes.targets
    likelihood = evaluation.probabilities[np.arange(len(targets)), targets]
    losses: Floats = -np.log(np.maximum(likelihood, np.finfo(np.float64).eps))
    return losses


def _judged(evaluation: Evaluation, ids: Sequence[str], places: Numbers) -> list[JudgedRow]:
    rows, labels, losses = evaluation.outcomes, evaluation.model.labels, _losses(evaluation)
    return [
        JudgedRow(
            place=int(place),
            id=ids[place],
            label=labels[rows.targets[place]],
            prediction=labels[rows.predicted[place]],
            confidence=float(rows.confidences[place]),
            loss=float(losses[place]),
        )
        for place in places
    ]
