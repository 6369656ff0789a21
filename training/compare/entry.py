"""One entry of a comparison: a model or a strategy for class imbalance, and its results."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.score.scores import Scores


@dataclass(frozen=True, slots=True)
class Entry:
    """The results of one model or strategy; `test` is None if the data set has no split `test`."""

    name: str
    settings: dict[str, Any]
    parameters: int
    training_seconds: float
    tweets_per_s: float
    """From texts to probabilities, in full precision, on the device of the training."""
    validation: Scores
    test: Scores | None

    @property
    def main_scores(self) -> Scores:
        """The scores on test if there is a split `test`, otherwise on validation."""
        return self.test or self.validation

    def as_dict(self) -> dict[str, Any]:
        """Return the results JSON-ready."""
        return {
            "name": self.name,
            "settings": self.settings,
            "parameters": self.parameters,
            "training_seconds": round(self.training_seconds, 1),
            "tweets_per_s": round(self.tweets_per_s, 1),
            "validation": self.validation.as_dict(),
            "test": self.test.as_dict() if self.test else None,
        }


def best_entry(entries: Sequence[Entry]) -> Entry:
    """Return the entry with the highest sum of accuracy and macro-F1 on validation; the choice does not use test."""
    return max(entries, key=lambda entry: entry.validation.accuracy + entry.validation.macro_f1)
