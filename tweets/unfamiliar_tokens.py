"""A cheap sign of a text that is not English: the share of its tokens that the tokenizer does not know as a word.

A WordPiece tokenizer cuts an unfamiliar word into pieces that continue a word (`##`), or replaces the word by the
unknown token. English texts have few such tokens; texts in other languages consist of them. Names, typing errors and
slang have them too: the share describes many tweets together, not a single one.
"""

from collections.abc import Mapping, Sequence
from typing import Final

UNFAMILIAR_ABOVE: Final = 0.35
"""Share above which a text is probably not English; `docs/log.md` has the measurement."""

_UNKNOWN: Final = "[UNK]"
_CONTINUES: Final = "##"
_ADDED: Final = ("[CLS]", "[SEP]", "[PAD]", "[MASK]")
"""Tokens that are not part of a text."""


class UnfamiliarTokens:
    """Counts the unfamiliar tokens of a text, for one vocabulary."""

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        """`vocabulary` has the number of each token, as `Tokenizer.get_vocab()` returns them."""
        self._added = frozenset(vocabulary[token] for token in _ADDED if token in vocabulary)
        self._unfamiliar = frozenset(
            number for token, number in vocabulary.items() if token == _UNKNOWN or token.startswith(_CONTINUES)
        )
        self._cuts_words = any(token.startswith(_CONTINUES) for token in vocabulary)

    @property
    def cuts_words(self) -> bool:
        """Whether the vocabulary has tokens that continue a word, as WordPiece has; else the share means nothing."""
        return self._cuts_words

    def share(self, ids: Sequence[int]) -> float:
        """Return the share of unfamiliar tokens, from 0 to 1, of a text given as token ids; 0 for an empty text."""
        tokens = [number for number in ids if number not in self._added]
        return sum(number in self._unfamiliar for number in tokens) / len(tokens) if tokens else 0.0
