"""Augment training rows: in each epoch some rows lose "I feel" and similar words, and some resemble raw tweets.

Nearly all rows of dair-ai/emotion contain "I feel". A model trained only on such rows relies on the words that follow,
and fails on texts that express an emotion without "I feel".
"""

import random
import re
from dataclasses import dataclass
from typing import Final

from training.data.shift import shifted

_FEELING: Final = re.compile(
    r"\b(?:(?:i|we|you|he|she|they|it)\s+)?(?:(?:am|was|is|are|were|im|m|do|did|dont|can|could|will|just|still|really)\s+)*"
    r"(?:feel|feels|feeling|feelings|felt)\b(?:\s+(?:like|as if|that|of)\b)?\s*"
)
"""Pronoun and auxiliary verbs, a form of `feel`, and a conjunction after it, as dair-ai/emotion writes them."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """The probabilities, from 0 to 1, of two independent changes to a row."""

    shifted: float
    """Of the changes that make a text resemble a raw tweet."""
    unannounced: float
    """Of the removal of "I feel" and similar words."""

    def view(self, text: str, rng: random.Random) -> str:
        """Return the text as one epoch shows it; `rng` decides which changes are made."""
        if rng.random() < self.unannounced:
            text = without_feeling(text)
        if rng.random() < self.shifted:
            text = shifted(text, rng)
        return text


def without_feeling(text: str) -> str:
    """Return the text without "I am feeling" and similar words; unchanged if no other word would remain."""
    return " ".join(_FEELING.sub("", text).split()) or text
