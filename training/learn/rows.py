"""The batches of each epoch: augmented rows as token ids, in shuffled batches of rows with similar length.

The random numbers depend on the seed and the epoch alone, so a resumed run gets the same batches.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer

from training.learn.augment import Augmentation
from training.learn.imbalance import Imbalance, rows_of_epoch
from training.learn.tokens import TokenIds, encode, length_bucketed, padded

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""`input_ids` and `attention_mask` [rows, tokens], class numbers [rows]."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Tokenised rows and their class numbers, [rows] each."""

    ids: TokenIds
    targets: Sequence[int]


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """The training texts and class numbers, and how each epoch augments and tokenises the texts."""

    texts: Sequence[str]
    targets: Sequence[int]
    augmentation: Augmentation
    encode: Callable[[Sequence[str]], list[list[int]]]
    seed: int

    def of_epoch(self, epoch: int) -> Examples:
        """Return the rows as the epoch, counted from 1, shows them."""
        texts = [
            self.augmentation.view(text, random.Random(f"{self.seed}/{epoch}/{row}"))
            for row, text in enumerate(self.texts)
        ]
        return Examples(self.encode(texts), self.targets)


def encoder(
    tokenizer: Tokenizer, *, normalize: Callable[[str], str], max_tokens: int
) -> Callable[[Sequence[str]], list[list[int]]]:
    """Return the function from texts to the token ids of each text, at most `max_tokens`."""
    return lambda texts: encode(tokenizer, texts, normalize=normalize, max_tokens=max_tokens)


class EpochBatches(torch.utils.data.Sampler[list[int]]):
    """Batches of row numbers, which depend on the seed and the epoch; call `begin` before each epoch."""

    def __init__(self, rows: TrainingRows, batch_size: int, imbalance: Imbalance) -> None:
        self._rows = rows
        self._imbalance = imbalance
        self.batch_size = batch_size  # accelerate reads it
        self.drop_last = False
        self.examples = Examples([], [])
        self._batches: list[list[int]] = []
        self._count = math.ceil(len(self._shown(1)) / batch_size)

    def begin(self, epoch: int, *, skip: int = 0) -> None:
        """Prepare the batches of an epoch, counted from 1, without its first `skip` batches."""
        self.examples = self._rows.of_epoch(epoch)
        shown = self._shown(epoch)
        lengths = [len(self.examples.ids[row]) for row in shown]
        batches = length_bucketed(lengths, self.batch_size, random.Random(f"{self._rows.seed}/{epoch}"))
        self._batches = [[shown[index] for index in batch] for batch in batches][skip:]

    def collate(self, rows: Sequence[int], *, pad_id: int) -> Batch:
        """Return the batch of the given row numbers, padded with `pad_id`."""
        input_ids, mask = padded([self.examples.ids[row] for row in rows], pad_id=pad_id)
        return input_ids, mask, torch.tensor([self.examples.targets[row] for row in rows])

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self._batches)

    def _shown(self, epoch: int) -> list[int]:
        return rows_of_epoch(self._rows.targets, self._imbalance, random.Random(f"rows/{self._rows.seed}/{epoch}"))
