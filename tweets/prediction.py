"""The prediction of a model for one text, and its form in JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

SCORE_DIGITS: Final = 6
"""Decimals of a score in JSON: finer than the precision of any engine, and short."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A prediction: `scores` is the softmax over all labels (sum 1), `emotion` and `confidence` are its maximum."""

    emotion: str
    confidence: float
    scores: Mapping[str, float]

    def json_fields(self) -> dict[str, Any]:
        """Return the fields `emotion`, `confidence` and `scores`, the same in every JSON of the project."""
        return {
            "emotion": self.emotion,
            "confidence": round(self.confidence, SCORE_DIGITS),
            "scores": {label: round(score, SCORE_DIGITS) for label, score in self.scores.items()},
        }
