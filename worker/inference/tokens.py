"""From texts to the token ids that the model reads: normalise, cut and tokenise, with bounded memory and time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from tweets.normalizer import CHARS_PER_TOKEN, NORMALIZERS, WORD_BY_WORD
from worker.inference.model_folder import TOKENIZER_FILE, ModelFolder
from worker.inference.token_batch import TokenBatch
from worker.inference.tokenizer_file import panics_as_errors, read_tokenizer
from worker.inference.word_tokens import WordTokens, reads_word_by_word

CHUNK_CHARS: Final = 65_536
"""Characters that are tokenised at once: a batch of 512 ordinary tweets, or 16 texts of the largest size.

The tokenizer keeps about 100 bytes for each token, and for the tokens beyond the model's length too.
"""


class TextTokenizer:
    """The normaliser and the tokenizer of a model folder."""

    def __init__(self, folder: ModelFolder) -> None:
        self._normalize = NORMALIZERS[folder.normalizer]
        self._max_chars = folder.max_tokens * CHARS_PER_TOKEN
        self._tokenizer = read_tokenizer(folder.path / TOKENIZER_FILE)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(folder.max_tokens)
        self._words, finished = WORD_BY_WORD[folder.normalizer]
        self._table = (
            WordTokens(self._tokenizer, finished, folder.max_tokens) if reads_word_by_word(self._tokenizer) else None
        )

    @property
    def vocabulary(self) -> Mapping[str, int]:
        """The number of each token."""
        vocabulary: Mapping[str, int] = self._tokenizer.get_vocab()
        return vocabulary

    def token_batch(self, texts: Sequence[str]) -> TokenBatch:
        """Return the token ids of at least one text, at most as many as the model reads, special tokens included.

        Raises RuntimeError if the tokenizer fails on a text.
        """
        with panics_as_errors():
            if self._table is None:
                return TokenBatch.of(self._encoded(texts))
            return self._by_words(self._table, texts)

    def _by_words(self, table: WordTokens, texts: Sequence[str]) -> TokenBatch:
        """Return the token ids from the table, which is ten times as fast, and by `_encoded` where the table fails."""
        words = (self._words(text, self._max_chars) for text in texts)
        parts = [table.token_batch(chunk) for chunk in _chunks(words)]
        tokens = TokenBatch.joined([tokens for tokens, _ in parts])
        wrong = np.flatnonzero(~np.concatenate([right for _, right in parts]))
        if not wrong.size:
            return tokens
        order = np.arange(len(texts))
        order[wrong] = np.arange(len(texts), len(texts) + len(wrong))
        return TokenBatch.joined([tokens, TokenBatch.of(self._encoded([texts[at] for at in wrong.tolist()]))]).rows(
            order
        )

    def _encoded(self, texts: Iterable[str]) -> list[list[int]]:
        """Return the token ids as the tokenizer gives them for each normalised text: the definition."""
        normalized = (self._normalize(text, self._max_chars) for text in texts)
        return [encoding.ids for chunk in _chunks(normalized) for encoding in self._tokenizer.encode_batch_fast(chunk)]


def _chunks(texts: Iterator[str]) -> Iterator[list[str]]:
    """Yield the texts in lists of about CHUNK_CHARS characters."""
    chunk: list[str] = []
    chars = 0
    for text in texts:
        chunk.append(text)
        chars += len(text)
        if chars >= CHUNK_CHARS:
            yield chunk
            chunk, chars = [], 0
    if chunk:
        yield chunk
