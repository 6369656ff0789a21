"""From texts to the token ids that the model reads: normalise, cut and tokenise, with bounded memory and time."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tweets.normalizer import CHARS_PER_TOKEN, NORMALIZERS
from worker.inference.model_folder import TOKENIZER_FILE, ModelFolder
from worker.inference.tokenizer_file import panics_as_errors, read_tokenizer

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

    @property
    def vocabulary(self) -> Mapping[str, int]:
        """The number of each token."""
        vocabulary: Mapping[str, int] = self._tokenizer.get_vocab()
        return vocabulary

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, at most as many as the model reads, special tokens included.

        Raises RuntimeError if the tokenizer fails on a text.
        """
        normalized = (self._normalize(text, self._max_chars) for text in texts)
        with panics_as_errors():
            return [
                encoding.ids for chunk in _chunks(normalized) for encoding in self._tokenizer.encode_batch_fast(chunk)
            ]


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
