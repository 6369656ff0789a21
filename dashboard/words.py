"""Which words mattered: the label's score with the whole text, less its score without the word. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tweets.prediction import Prediction

WORDS_MAX: Final = 60
"""So many words are tried; each costs a text of the model's time."""


def without_each(text: str) -> list[str]:
    """The text without its first word, without its second, and so on; none for a text of one word."""
    words = text.split()
    if len(words) < 2:
        return []
    return [" ".join(words[:place] + words[place + 1 :]) for place in range(min(len(words), WORDS_MAX))]


def words_with_falls(text: str, whole: Prediction, without: Sequence[Mapping[str, float]]) -> list[dict[str, Any]]:
    """Each word with the fall of the label's score that its absence makes; None for words that were not tried.

    `without` are the scores of the texts of `without_each`.
    """
    words = text.split()
    falls = [round(whole.confidence - scores[whole.emotion], 6) for scores in without]
    untried = [None] * (len(words) - len(falls))
    return [{"word": word, "fall": fall} for word, fall in zip(words, [*falls, *untried], strict=True)]
