"""Compute the scores that every report of this project uses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import classification_report, log_loss

from training.score.calibration import calibration_error, chance_error

Probabilities = npt.NDArray[np.float64]
"""Probabilities [rows, labels]; each row sums to 1."""


@dataclass(frozen=True, slots=True)
class ClassScores:
    """Precision, recall and F1 of one label, and its number of rows."""

    precision: float
    recall: float
    f1: float
    support: int


_MEANS = ("accuracy", "macro_f1", "weighted_f1", "loss", "ece", "ece_less_chance")


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of a model on one split.

    `loss` is the mean negative log likelihood in nats, `ece` the expected calibration error, `ece_less_chance` that
    error minus its mean for a perfectly calibrated model with the same confidences (see training.score.calibration);
    it is below 0 where the model is closer to its confidences than chance. All others are between 0 and 1.
    """

    rows: int
    accuracy: float
    macro_f1: float
    weighted_f1: float
    loss: float
    ece: float
    ece_less_chance: float
    per_class: dict[str, ClassScores]

    def as_dict(self, digits: int = 6) -> dict[str, Any]:
        """Return the scores JSON-ready, rounded to `digits`."""
        return {
            "rows": self.rows,
            **{name: round(getattr(self, name), digits) for name in _MEANS},
            "per_class": {label: _rounded(row, digits) for label, row in self.per_class.items()},
        }


def _rounded(row: ClassScores, digits: int) -> dict[str, float | int]:
    figures = {name: round(getattr(row, name), digits) for name in ("precision", "recall", "f1")}
    return {**figures, "support": row.support}


def score(probabilities: Probabilities, targets: Sequence[int], labels: Sequence[str]) -> Scores:
    """Return the scores of probabilities [rows, labels] against the true class numbers [rows]."""
    numbers = list(range(len(labels)))
    report = classification_report(
        targets,
        probabilities.argmax(axis=1),
        labels=numbers,
        target_names=list(labels),
        output_dict=True,
        zero_division=0.0,
    )
    accuracy = float(np.mean(probabilities.argmax(axis=1) == np.asarray(targets)))
    ece = calibration_error(probabilities, targets)
    return Scores(
        rows=len(targets),
        accuracy=accuracy,
        macro_f1=float(report["macro avg"]["f1-score"]),
        weighted_f1=float(report["weighted avg"]["f1-score"]),
        loss=float(log_loss(targets, probabilities, labels=numbers)),
        ece=ece,
        ece_less_chance=ece - chance_error(probabilities.max(axis=1)),
        per_class={label: _class_scores(report[label]) for label in labels},
    )


def _class_scores(row: dict[str, float]) -> ClassScores:
    return ClassScores(row["precision"], row["recall"], row["f1-score"], int(row["support"]))


def softmax(logits: npt.NDArray[np.floating[Any]], *, temperature: float = 1.0) -> Probabilities:
    """Return exp(logits / temperature) divided by its sum along the last axis; the shape stays the same."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def table(scores: Scores) -> str:
    """Return the scores of each label and the means as a table of aligned text."""
    width = max(13, *(len(label) for label in scores.per_class))
    lines = [f"{'':{width}}  precision  recall      f1  support"]
    for label, row in scores.per_class.items():
        lines.append(f"{label:{width}}  {row.precision:9.4f}  {row.recall:6.4f}  {row.f1:6.4f}  {row.support:7d}")
    means = ("accuracy", scores.accuracy), ("macro F1", scores.macro_f1), ("weighted F1", scores.weighted_f1)
    lines += [f"{name:{width}}  {'':17}  {figure:6.4f}  {scores.rows:7d}" for name, figure in means]
    single = ("loss", scores.loss), ("ECE", scores.ece), ("  less chance", scores.ece_less_chance)
    lines += [f"{name:{width}}  {'':17}  {figure:6.4f}" for name, figure in single]
    return "\n".join(lines)
