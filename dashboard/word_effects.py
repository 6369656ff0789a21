"""The effect of each word: the label's score with the whole text, less the score without the word. Pure."""

from collections.abc import Sequence
from typing import Any, Final

from dashboard.request_queue import TEXT_MAX_CHARS
from tweets.prediction import Prediction

WORDS_MAX: Final = 60
"""Words that are tried, from the start of the text: the model classifies one more text for each of them."""


def without_each(text: str) -> list[str]:
    """Return the text without its first word, without its second, and so on; nothing for a text of one word.

    Each is cut to TEXT_MAX_CHARS, or one request of a long text would fill the queue with its copies.
    """
    words = text.split()
    if len(words) < 2:
        return []
    places = range(min(len(words), WORDS_MAX))
    return [" ".join(words[:place] + words[place + 1 :])[:TEXT_MAX_CHARS] for place in places]


def word_effects(text: str, whole: Prediction, without: Sequence[Prediction]) -> list[dict[str, Any]]:
    """Return each word with the fall of the label's score if the word is left out; None for words that were not tried.

    `whole` is the prediction for the text, `without` those for the texts of `without_each`.
    """
    words = text.split()
    falls = [round(whole.confidence - each.score(whole.emotion), 6) for each in without]
    untried = [None] * (len(words) - len(falls))
    return [{"word": word, "fall": fall} for word, fall in zip(words, [*falls, *untried], strict=True)]
