"""One entry of a comparison: a model, or a way to treat rare classes, and what it achieved."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.score.scores import Scores


@dataclass(frozen=True, slots=True)
class Entry:
    """What one model, or one strategy, achieved; `test` is None where the data set has no such split."""

    name: str
    settings: dict[str, Any]
    parameters: int
    training_seconds: float
    tweets_per_s: float
    """From texts to probabilities, in full precision, where it was trained."""
    validation: Scores
    test: Scores | None

    @property
    def judged(self) -> Scores:
        """The scores that say most: on test, else on validation."""
        return self.test or self.validation

    def as_dict(self) -> dict[str, Any]:
        """Return JSON-ready figures."""
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
    """Return the entry with the best mean of accuracy and macro-F1 on validation; test is for looking only."""
    return max(entries, key=lambda entry: entry.validation.accuracy + entry.validation.macro_f1)
