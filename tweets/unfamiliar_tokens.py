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

_ADDED_ONE: Final = 1 << 32
"""What an added token adds to the sum of a text; more than a text has tokens."""


class UnfamiliarTokens:
    """Counts the unfamiliar tokens of a text, for one vocabulary."""

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        """`vocabulary` has the number of each token, as `Tokenizer.get_vocab()` returns them."""
        self._counted_as = [0] * (1 + max(vocabulary.values()))
        for token, number in vocabulary.items():
            if token in _ADDED:
                self._counted_as[number] = _ADDED_ONE
            elif token == _UNKNOWN or token.startswith(_CONTINUES):
                self._counted_as[number] = 1
        self._cuts_words = any(token.startswith(_CONTINUES) for token in vocabulary)

    @property
    def cuts_words(self) -> bool:
        """Whether the vocabulary has tokens that continue a word, as WordPiece has; else the share means nothing."""
        return self._cuts_words

    def share(self, ids: Sequence[int]) -> float:
        """Return the share of unfamiliar tokens, from 0 to 1, of a text given as token ids; 0 for an empty text."""
        # One sum counts both kinds: this is called for every tweet.
        added, unfamiliar = divmod(sum(map(self._counted_as.__getitem__, ids)), _ADDED_ONE)
        tokens = len(ids) - added
        return unfamiliar / tokens if tokens else 0.0
