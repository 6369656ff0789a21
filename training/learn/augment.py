"""What a training row looks like in one epoch: as it is, shifted towards raw tweets, or without saying that it feels.

The data set's rows nearly all say "I feel"; a model that has seen nothing else listens for the words behind it and is
lost where nobody announces a feeling. Each epoch therefore shows some rows with those words left out, and some as they
might have been tweeted.
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


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How often a row is changed, each change independently; 0 and 0 change nothing."""

    shifted: float
    unannounced: float

    def view(self, text: str, rng: random.Random) -> str:
        """Return the text as this epoch shows it."""
        if rng.random() < self.unannounced:
            text = without_feeling(text)
        if rng.random() < self.shifted:
            text = shifted(text, rng)
        return text


def without_feeling(text: str) -> str:
    """Return the text without "I am feeling" and its like; as it is where nothing else would remain."""
    return " ".join(_FEELING.sub("", text).split()) or text
