"""A label without a model: the table of the instant engine in small, by the length of the text."""

import random
from collections.abc import Mapping
from typing import Any, Final

from tweets.emotions import EMOTIONS

_LENGTHS: Final = 64

_TABLE: Final = random.Random(13).choices(EMOTIONS, k=_LENGTHS)


def labelled(tweet: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tweet with an emotion that depends on the length of its text only."""
    return {**tweet, "emotion": _TABLE[len(tweet["text"]) % _LENGTHS], "confidence": 1.0}
