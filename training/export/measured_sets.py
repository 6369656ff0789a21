"""Score an exported model on sets of rows: labels, neutral, calibration, kinds of text, mistakes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from training.export.evaluation_sets import EvaluationSet
from training.learn.calibration import fit_temperature
from training.output.progress import say
from training.score.neutral import NeutralScores
from training.score.scores import Probabilities, score
from training.score.served import Served, served
from training.score.text_kinds import accuracy_by_kind, kinds_of

ENGINES: Final = {"int8": "onnx", "fp32": "torch"}
"""The names of the engines in metrics.json, and those that a worker uses."""
_MISTAKES: Final = 10
"""Mistakes that the card lists: as many as a person reads."""
_LEAST_LIKELIHOOD: Final = 1e-12
"""Keeps the logarithm finite where a softmax underflows to 0."""


@dataclass(frozen=True, slots=True)
class MeasuredSet:
    """What both engines give for the rows of a set."""

    rows: EvaluationSet
    labels: tuple[str, ...]
    temperature: float
    labelled: dict[str, Served]
    """By engine, for the rows with a label."""
    neutral: dict[str, Served]
    """By engine, for the neutral rows; empty without neutral rows."""

    def neutral_scores(self, engine: str) -> NeutralScores | None:
        """Return the scores of the neutral output; None for a model without it."""
        of_labelled = self.labelled[engine].neutral
        if of_labelled is None:
            return None
        of_neutral = self.neutral[engine].neutral if self.neutral else np.array([])
        return NeutralScores(of_labelled, np.array([]) if of_neutral is None else of_neutral)

    def as_dict(self, threshold: float | None) -> dict[str, Any]:
        """Return the scores of both engines, and the tables by kind of text of int8, JSON-ready."""
        return {
            **{engine: self._scores(engine, threshold) for engine in ENGINES},
            **agreement(*(self.labelled[engine].scores for engine in ENGINES)),
            "neutral_rows": len(self.rows.rows.neutral),
            "best_temperature": self._best_temperature(),
            "kinds": accuracy_by_kind(map(kinds_of, self.rows.rows.labelled.texts), self._right),
            "declared_kinds": accuracy_by_kind(self._declared, self._right),
        }

    def mistakes(self) -> list[dict[str, Any]]:
        """Return the wrong rows to which int8 gives the highest confidence, with their texts."""
        split, scores = self.rows.rows.labelled, self.labelled["int8"].scores
        confidences, predicted = scores.max(axis=1), scores.argmax(axis=1)
        wrong = [row for row in np.argsort(-confidences, kind="stable").tolist() if not self._right[row]]
        return [
            {
                "id": f"{self.rows.ids}-{split.numbers[row]}",
                "text": split.texts[row],
                "label": self.labels[split.targets[row]],
                "prediction": self.labels[predicted[row]],
                "confidence": round(float(confidences[row]), 4),
            }
            for row in wrong[:_MISTAKES]
        ]

    def _scores(self, engine: str, threshold: float | None) -> dict[str, Any]:
        scores = self.labelled[engine].scores
        found = score(scores, self.rows.rows.labelled.targets, self.labels).as_dict()
        found["mean_confidence"] = round(float(scores.max(axis=1).mean()), 6)
        neutral = self.neutral_scores(engine)
        return found if neutral is None else {**found, "neutral": neutral.as_dict(threshold)}

    @property
    def _right(self) -> list[bool]:
        targets = np.asarray(self.rows.rows.labelled.targets)
        right: list[bool] = (self.labelled["int8"].scores.argmax(axis=1) == targets).tolist()
        return right

    @property
    def _declared(self) -> list[list[str]]:
        kinds = self.rows.kinds
        return [[kinds[number]] if number in kinds else [] for number in self.rows.rows.labelled.numbers]

    def _best_temperature(self) -> float:
        """Return the temperature that would be fitted on these rows alone, in full precision."""
        scores = self.labelled["fp32"].scores
        logits = np.log(np.maximum(scores, _LEAST_LIKELIHOOD)) * self.temperature
        return fit_temperature(logits.astype(np.float32), self.rows.rows.labelled.targets)


def measured_set(folder: Path, rows: EvaluationSet, labels: Sequence[str], temperature: float) -> MeasuredSet:
    """Score the rows with both engines. Raises FatalError if the worker would refuse the folder."""
    say(f"scoring {rows.name} with int8 and fp32")
    labelled, neutral = rows.rows.labelled.texts, rows.rows.neutral.texts
    return MeasuredSet(
        rows,
        tuple(labels),
        temperature,
        {name: served(folder, labelled, engine=engine, title=rows.name) for name, engine in ENGINES.items()},
        {name: served(folder, neutral, engine=engine, title=rows.name) for name, engine in ENGINES.items() if neutral},
    )


def agreement(int8: Probabilities, fp32: Probabilities) -> dict[str, float]:
    """Return how often the engines give the same label, and how much their scores differ on average."""
    same = int8.argmax(axis=1) == fp32.argmax(axis=1)
    return {
        "label_agreement": round(float(same.mean()), 6),
        "mean_score_difference": round(float(np.abs(int8 - fp32).mean()), 6),
    }
