"""The batches of each epoch: augmented rows as token ids, in shuffled batches of rows with similar length.

The random numbers depend on the seed and the epoch alone, so a resumed run gets the same batches.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer

from training.data.parts import RowTargets, TrainingPart, row_targets, shown_rows
from training.learn.augment import Augmentation
from training.learn.imbalance import Imbalance, rows_of_epoch
from training.learn.loss import BatchTargets
from training.learn.tokens import encode, length_bucketed, padded

Encode = Callable[[Sequence[str]], list[list[int]]]
"""From texts to the token ids of each text."""
Batch = tuple[torch.Tensor, ...]
"""`input_ids` and `attention_mask` [rows, tokens], then the fields of BatchTargets."""


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """The training texts and their targets, and how each epoch augments and tokenises the texts."""

    parts: Sequence[TrainingPart]
    labels: int
    """The number of labels."""
    neutral: bool
    """Whether the model has an output for neutral."""
    augmentation: Augmentation
    encode: Encode
    seed: int
    teacher: npt.NDArray[np.float16] | None = None
    """Logarithms of the teacher's probabilities, [rows, outputs]; None without a teacher."""
    texts: tuple[str, ...] = field(init=False)
    """The texts of all parts."""
    targets: RowTargets = field(init=False)
    _plain: list[list[int]] = field(init=False)
    """The token ids of the texts as they are; an epoch tokenises only the texts that it changes."""

    def __post_init__(self) -> None:
        texts = tuple(text for part in self.parts for text in part.texts)
        object.__setattr__(self, "texts", texts)
        object.__setattr__(self, "targets", row_targets(self.parts, labels=self.labels, neutral=self.neutral))
        object.__setattr__(self, "_plain", self.encode(texts))

    @property
    def class_counts(self) -> npt.NDArray[np.float64]:
        """Return the rows of each class that an epoch shows, [outputs]; a row of several classes counts in parts."""
        counts: npt.NDArray[np.float64] = self.targets.classes[self.shown(1)].sum(axis=0, dtype=np.float64)
        return counts

    def shown(self, epoch: int) -> list[int]:
        """Return the numbers of the rows that the epoch, counted from 1, shows."""
        return shown_rows(self.parts, epoch, self.seed)

    def of_epoch(self, epoch: int, shown: Sequence[int]) -> list[list[int]]:
        """Return the token ids of the rows `shown` as the epoch shows them; a row has one view in an epoch."""
        changed: dict[int, str] = {}
        for row in dict.fromkeys(shown):
            view = self.augmentation.view(self.texts[row], random.Random(f"{self.seed}/{epoch}/{row}"))
            if view != self.texts[row]:
                changed[row] = view
        new = dict(zip(changed, self.encode(list(changed.values())), strict=True))
        return [new[row] if row in new else self._plain[row] for row in shown]


def encoder(tokenizer: Tokenizer, *, normalize: Callable[[str], str], max_tokens: int) -> Encode:
    """Return the function from texts to the token ids of each text, at most `max_tokens`."""
    return lambda texts: encode(tokenizer, texts, normalize=normalize, max_tokens=max_tokens)


class EpochBatches(torch.utils.data.Sampler[list[int]]):
    """Batches of places in the epoch, which depend on the seed and the epoch; call `begin` before each epoch."""

    def __init__(self, rows: TrainingRows, batch_size: int, imbalance: Imbalance) -> None:
        self._rows = rows
        self._imbalance = imbalance
        self._numbers = rows.targets.numbers
        self.batch_size = batch_size  # accelerate reads it
        self.drop_last = False
        self.shown: list[int] = self._shown(1)
        self.ids: list[list[int]] = []
        self._batches: list[list[int]] = []
        self.rows = len(self.shown)
        self._count = math.ceil(self.rows / batch_size)

    def begin(self, epoch: int, *, skip: int = 0) -> None:
        """Prepare the batches of an epoch, counted from 1, without its first `skip` batches."""
        self.shown = self._shown(epoch)
        self.ids = self._rows.of_epoch(epoch, self.shown)
        random_order = random.Random(f"{self._rows.seed}/{epoch}")
        self._batches = length_bucketed([len(one) for one in self.ids], self.batch_size, random_order)[skip:]

    def collate(self, places: Sequence[int], *, pad_id: int) -> Batch:
        """Return the batch of the given places in the epoch, padded with `pad_id`."""
        rows = np.array([self.shown[place] for place in places])
        targets, teacher = self._rows.targets, self._rows.teacher
        soft = np.zeros((len(rows), 0), np.float32) if teacher is None else teacher[rows].astype(np.float32)
        values = (targets.classes[rows], targets.all_outputs[rows], targets.weights[rows], soft)
        return (*padded([self.ids[place] for place in places], pad_id=pad_id), *map(torch.from_numpy, values))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self._batches)

    def _shown(self, epoch: int) -> list[int]:
        """Return the numbers of the rows that the epoch shows: by the ratios of their parts, then by the strategy."""
        rows = self._rows.shown(epoch)
        drawn = random.Random(f"rows/{self._rows.seed}/{epoch}")
        return [rows[place] for place in rows_of_epoch([self._numbers[row] for row in rows], self._imbalance, drawn)]


def batch_targets(batch: Batch) -> BatchTargets:
    """Return the targets of a batch."""
    return BatchTargets(*batch[2:])
