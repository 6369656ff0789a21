"""What a model predicts for one text."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

SCORE_DIGITS: Final = 6
"""Decimals of a score in JSON: more than any model's precision, and bounded in length."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A text's label: `scores` is the softmax over all labels (sum 1), `emotion` and `confidence` its maximum."""

    emotion: str
    confidence: float
    scores: Mapping[str, float]

    def json_fields(self) -> dict[str, Any]:
        """Return the fields `emotion`, `confidence` and `scores` as every JSON of the project has them."""
        return {
            "emotion": self.emotion,
            "confidence": round(self.confidence, SCORE_DIGITS),
            "scores": {label: round(score, SCORE_DIGITS) for label, score in self.scores.items()},
        }
