"""The texts of the benchmark: one data set, in samples that keep its mix of lengths, without repetitions."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, Self

from benchmarks.suite.errors import BenchmarkError
from tweets.datasets import DatasetError, dataset_name, read_rows
from tweets.normalizer import CHARS_PER_TOKEN, NORMALIZERS
from worker.inference.model_folder import TOKENIZER_FILE, open_model_folder
from worker.inference.tokenizer_file import read_tokenizer

_SPLIT: Final = "test"
_SEED: Final = 13


@dataclass(frozen=True, slots=True)
class Text:
    """A tweet, what the model's normaliser makes of it, and the number of tokens that the model reads."""

    raw: str
    normalized: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Texts:
    """All tweets of a data set, in an order in which every beginning has about the same mean length."""

    dataset: str
    texts: Sequence[Text]

    @classmethod
    def of(cls, dataset: str, model: Path) -> Self:
        """Read a data set. Raises BenchmarkError or FatalError with one line without a data set, tweets or model."""
        try:
            raw = [row.text for row in read_rows(dataset, _SPLIT)]
        except DatasetError as error:
            raise BenchmarkError(f"DATASET={dataset}: {error}") from None
        if not raw:
            raise BenchmarkError(f"DATASET={dataset}: no tweets in the split {_SPLIT}")
        return cls(_shown(dataset), _evenly_mixed(_tokenized(raw, model)))

    @property
    def lengths(self) -> list[int]:
        """The tokens of each text."""
        return [text.tokens for text in self.texts]

    def distinct(self, count: int) -> list[Text]:
        """Return so many texts, none twice as far as possible: after the last text, all again with shuffled words.

        A worker may compute a repeated text once, which would measure the repetitions of a short data set.
        """
        return list(islice(_passes(self.texts), count))


def _shown(dataset: str) -> str:
    """Return the name for the results: of a file or folder without its place on this machine."""
    return dataset_name(dataset) if Path(dataset).exists() else dataset


def _tokenized(raw: Sequence[str], model: Path) -> list[Text]:
    folder = open_model_folder(model)
    normalize, most_chars = NORMALIZERS[folder.normalizer], folder.max_tokens * CHARS_PER_TOKEN
    tokenizer = read_tokenizer(model / TOKENIZER_FILE)
    tokenizer.no_padding()
    tokenizer.enable_truncation(folder.max_tokens)
    normalized = [normalize(text, most_chars) for text in raw]
    encodings = tokenizer.encode_batch(normalized)
    lengths = [len(encoding.ids) for encoding in encodings]
    return [Text(*each) for each in zip(raw, normalized, lengths, strict=True)]


def _evenly_mixed(texts: Sequence[Text]) -> list[Text]:
    """Return the texts in an order in which every beginning has short and long texts in the same shares.

    The ranks whose multiple of the golden section has a small fractional part are spread evenly over all ranks.
    """
    ranked = sorted(texts, key=lambda text: (text.tokens, text.raw))
    golden = (5**0.5 - 1) / 2
    return [ranked[rank] for rank in sorted(range(len(ranked)), key=lambda rank: rank * golden % 1)]


def _passes(texts: Sequence[Text]) -> Iterator[Text]:
    yield from texts
    rng = random.Random(_SEED)
    while True:
        for text in texts:
            raw, normalized = text.raw.split(), text.normalized.split()
            rng.shuffle(raw)
            rng.shuffle(normalized)
            yield Text(" ".join(raw), " ".join(normalized), text.tokens)
