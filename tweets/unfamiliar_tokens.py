"""A cheap sign of a text that is not English: the share of its tokens that the tokenizer does not know as a word.

A WordPiece tokenizer cuts an unfamiliar word into pieces that continue a word (`##`), or replaces the word by the
unknown token. English texts have few such tokens; texts in other languages consist of them. Names, typing errors and
slang have them too: the share describes many tweets together, not a single one.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

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
        tokens = 1 + max(vocabulary.values())
        self._of_text, self._unfamiliar = np.ones(tokens, dtype=np.bool_), np.zeros(tokens, dtype=np.bool_)
        for token, number in vocabulary.items():
            self._of_text[number] = token not in _ADDED
            self._unfamiliar[number] = token == _UNKNOWN or token.startswith(_CONTINUES)
        self._cuts_words = any(token.startswith(_CONTINUES) for token in vocabulary)

    @property
    def cuts_words(self) -> bool:
        """Whether the vocabulary has tokens that continue a word, as WordPiece has; else the share means nothing."""
        return self._cuts_words

    def share(self, ids: Sequence[int]) -> float:
        """Return the share of unfamiliar tokens, from 0 to 1, of a text given as token ids; 0 for an empty text."""
        return float(self.shares(np.array(ids, dtype=np.int32), np.array([len(ids)], dtype=np.int32))[0])

    def shares(self, ids: NDArray[np.int32], lengths: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the share of each text; `ids` has the texts one after another, `lengths` their numbers of tokens."""
        unfamiliar, tokens = _sums(self._unfamiliar[ids], lengths), _sums(self._of_text[ids], lengths)
        shares: NDArray[np.float64] = unfamiliar / np.maximum(tokens, 1)
        return shares


def _sums(counted: NDArray[np.bool_], lengths: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return how many are true of the first lengths[0], of the next lengths[1], and so on."""
    sums = np.concatenate(([0], np.cumsum(counted)))
    ends = np.cumsum(lengths)
    difference: NDArray[np.int64] = sums[ends] - sums[ends - lengths]
    return difference
