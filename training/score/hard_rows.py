"""Find the rows of a split with the highest loss, and the wrong rows with the highest confidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.score.calibration import Floats, Numbers
from training.score.evaluation import Evaluation


@dataclass(frozen=True, slots=True)
class HardRow:
    """One row of a split: its index in the split from 0, its label and the model's prediction."""

    place: int
    id: str
    label: str
    prediction: str
    confidence: float
    loss: float
    """The negative log likelihood of the true label, in nats."""

    def as_dict(self, digits: int = 6) -> dict[str, Any]:
        """Return the row JSON-ready, without its text: the data set's licence may forbid copies."""
        named = {"id": self.id, "label": self.label, "prediction": self.prediction}
        return {**named, "confidence": round(self.confidence, digits), "loss": round(self.loss, digits)}


def hardest(evaluation: Evaluation, ids: Sequence[str], *, count: int) -> list[HardRow]:
    """Return the `count` rows with the highest loss, in descending order."""
    return _hard_rows(evaluation, ids, np.argsort(-_losses(evaluation), kind="stable")[:count])


def most_confidently_wrong(evaluation: Evaluation, ids: Sequence[str], *, count: int) -> list[HardRow]:
    """Return the `count` wrong rows with the highest confidence, in descending order."""
    wrong = np.flatnonzero(~evaluation.outcomes.right)
    order = np.argsort(-evaluation.outcomes.confidences[wrong], kind="stable")
    return _hard_rows(evaluation, ids, wrong[order][:count])


def _losses(evaluation: Evaluation) -> Floats:
    targets = evaluation.outcomes.targets
    likelihood = evaluation.probabilities[np.arange(len(targets)), targets]
    losses: Floats = -np.log(np.maximum(likelihood, np.finfo(np.float64).eps))
    return losses


def _hard_rows(evaluation: Evaluation, ids: Sequence[str], places: Numbers) -> list[HardRow]:
    rows, labels, losses = evaluation.outcomes, evaluation.model.labels, _losses(evaluation)
    return [
        HardRow(
            place=int(place),
            id=ids[place],
            label=labels[rows.targets[place]],
            prediction=labels[rows.predicted[place]],
            confidence=float(rows.confidences[place]),
            loss=float(losses[place]),
        )
        for place in places
    ]
