"""Token ids word by word: tweets have few different words, and a table has the ids of the words seen before."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from worker.inference.token_batch import TokenBatch

REMEMBERED_WORDS: Final = 32_768
"""Words in the table before the table is emptied: 7 times those of 2,000 tweets, and at most 11 MB with their ids."""

LONGEST_WORD: Final = 32
"""Characters of the longest word in the table, so that the words of hostile texts need little memory."""

MOST_PIECES: Final = 8
"""Tokens of the longest word in the table; the others are names, links and noise."""

LEARNT_AT_ONCE: Final = 2_048
"""New words of one call: the tokenizer needs about 1 kB for each of them until the call returns."""

_UNKNOWN, _EMPTY = 0, 1
_NO_PIECE: Final = -1


class WordTokens:
    """A table of words and their token ids, for a tokenizer that reads word by word."""

    def __init__(self, tokenizer: Tokenizer, finished: Callable[[str], str], max_tokens: int) -> None:
        """Make an empty table. `finished` of a word is tokenised; `max_tokens` of a text include the special tokens."""
        self._tokenizer = tokenizer
        self._finished = finished
        self._max_tokens = max_tokens
        self._before, self._after = tokenizer.encode("").ids
        self._numbers = _Numbers({"": _EMPTY})
        self._pieces = np.full((REMEMBERED_WORDS, MOST_PIECES), _NO_PIECE, dtype=np.int32)
        self._lengths = np.zeros(REMEMBERED_WORDS, dtype=np.int32)

    def token_batch(self, texts: Sequence[str]) -> tuple[TokenBatch, NDArray[np.bool_]]:
        """Return the token ids of texts whose words are between blanks, and for which texts the ids are right.

        The ids are wrong for a text with a word that is not in the table, without any token, or with too many tokens.
        """
        words = " ".join(texts).split(" ")
        numbers = self._numbers_of(words)
        word_ends = np.cumsum([text.count(" ") + 1 for text in texts])
        pieces = self._pieces[numbers]
        ends = np.cumsum(self._lengths[numbers])[word_ends - 1]
        lengths = np.diff(ends, prepend=0)
        right = (lengths > 0) & (lengths + 2 <= self._max_tokens)
        right[np.searchsorted(word_ends, np.flatnonzero(numbers == _UNKNOWN), side="right")] = False
        return self._with_special_tokens(pieces[pieces != _NO_PIECE], ends, lengths), right

    def _with_special_tokens(
        self, ids: NDArray[np.int32], ends: NDArray[np.intp], lengths: NDArray[np.intp]
    ) -> TokenBatch:
        shifts = 2 * np.arange(len(lengths))
        firsts, lasts = ends - lengths + shifts, ends + shifts + 1
        framed = np.empty(len(ids) + 2 * len(lengths), dtype=np.int32)
        inside = np.ones(len(framed), dtype=np.bool_)
        inside[firsts] = inside[lasts] = False
        framed[firsts], framed[lasts], framed[inside] = self._before, self._after, ids
        return TokenBatch(framed, (lengths + 2).astype(np.int32))

    def _numbers_of(self, words: Sequence[str]) -> NDArray[np.int32]:
        """Return the row of the table for each word, after new words were added."""
        if len(self._numbers) > REMEMBERED_WORDS - LEARNT_AT_ONCE - 2:
            self._numbers = _Numbers({"": _EMPTY})
        numbers = np.fromiter(map(self._numbers.__getitem__, words), dtype=np.int32, count=len(words))
        missing = np.flatnonzero(numbers == _UNKNOWN).tolist()
        if missing:
            new = dict.fromkeys(words[at] for at in missing if len(words[at]) <= LONGEST_WORD)
            self._learn(list(islice(new, LEARNT_AT_ONCE)))
            numbers[missing] = [self._numbers[words[at]] for at in missing]
        return numbers

    def _learn(self, words: Sequence[str]) -> None:
        encodings = self._tokenizer.encode_batch_fast(list(map(self._finished, words)), add_special_tokens=False)
        for word, encoding in zip(words, encodings, strict=True):
            ids = encoding.ids
            if len(ids) <= MOST_PIECES:
                number = len(self._numbers) + 1  # row _UNKNOWN belongs to no word
                self._numbers[word] = number if ids else _EMPTY
                self._lengths[number] = len(ids)
                self._pieces[number] = ids + [_NO_PIECE] * (MOST_PIECES - len(ids))


class _Numbers(dict[str, int]):
    """The row of each word in the table."""

    def __missing__(self, word: str) -> int:
        return _UNKNOWN


def reads_word_by_word(tokenizer: Tokenizer) -> bool:
    """Return whether the ids of a text are those of its words, between blanks, with a special token at each end.

    True for BERT's tokenizers: their normaliser changes characters one by one, and no token reaches over a blank.
    """
    added = tokenizer.get_added_tokens_decoder().values()
    alone, framed = (tokenizer.encode("a", add_special_tokens=special).ids for special in (False, True))
    ends = tokenizer.encode("").ids
    return (
        isinstance(tokenizer.normalizer, BertNormalizer)
        and isinstance(tokenizer.pre_tokenizer, BertPreTokenizer)
        and isinstance(tokenizer.model, WordPiece)
        and not any(" " in token.content or token.lstrip or token.rstrip for token in added)
        and len(ends) == 2
        and framed == [ends[0], *alone, ends[1]]
    )
