"""The prediction of a model for one text, and its form in JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tweets.emotions import NEUTRAL
from tweets.score_text import SCORE_DIGITS


@dataclass(frozen=True, slots=True)
class Prediction:
    """A prediction: `scores` is the softmax over all labels (sum 1), `emotion` and `confidence` are its maximum.

    `neutral` is the probability that the text shows none of the labels; None for a model without a neutral output.
    Where `neutral` is above NEUTRAL_THRESHOLD, `emotion` is "neutral" and `confidence` is the value of `neutral`.
    `unfamiliar_tokens` is the share of unfamiliar tokens of the text, from 0 to 1; None for a tokenizer without pieces
    of words. The share is for the metrics, and not in JSON.
    """

    emotion: str
    confidence: float
    scores: Mapping[str, float]
    neutral: float | None = None
    unfamiliar_tokens: float | None = None

    def score(self, emotion: str) -> float:
        """Return the score of a label, or the probability of neutral. Raises KeyError if there is no such score."""
        if emotion not in self.scores and emotion == NEUTRAL and self.neutral is not None:
            return self.neutral
        return self.scores[emotion]

    def json_fields(self) -> dict[str, Any]:
        """Return the fields of the prediction, the same in every JSON of the project.

        They are `emotion`, `confidence` and `scores`, and `neutral` if the model has a neutral output.
        """
        fields: dict[str, Any] = {
            "emotion": self.emotion,
            "confidence": round(self.confidence, SCORE_DIGITS),
            "scores": {label: round(score, SCORE_DIGITS) for label, score in self.scores.items()},
        }
        if self.neutral is not None:
            fields["neutral"] = round(self.neutral, SCORE_DIGITS)
        return fields

    def json_members(self) -> bytes:
        """Return `json_fields` as JSON without the braces around them."""
        return json.dumps(self.json_fields(), ensure_ascii=False, separators=(",", ":")).encode()[1:-1]
