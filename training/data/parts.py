"""The rows that a run trains on, data set by data set, and their targets as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.data.mapping import Targets


@dataclass(frozen=True, slots=True)
class TrainingPart:
    """The training rows of one data set."""

    name: str
    texts: tuple[str, ...]
    targets: tuple[Targets, ...]
    """The class numbers of each row in equal parts; `len(labels)` is neutral, a skipped row has none."""
    knows_neutral: bool = False
    """Whether rows with a label say that they are not neutral."""
    weight: float = 1.0
    """Weight of each row in the loss."""
    ratio: float = 1.0
    """Share of the rows that an epoch shows; may be above 1."""

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, slots=True)
class RowTargets:
    """The targets of all training rows, part after part."""

    classes: npt.NDArray[np.float32]
    """[rows, outputs]; a row sums to 1, a skipped row is 0. With a neutral output, neutral is the last column."""
    all_outputs: npt.NDArray[np.bool_]
    """[rows]; False where neutral is unknown: the last output takes no part in the softmax of the row."""
    weights: npt.NDArray[np.float32]
    """[rows], in the loss."""

    @property
    def numbers(self) -> list[int]:
        """Return one class number for each row, the lowest of several; -1 for a skipped row."""
        first = self.classes.argmax(axis=1)
        found: list[int] = np.where(self.classes.any(axis=1), first, -1).tolist()
        return found


def row_targets(parts: Sequence[TrainingPart], *, labels: int, neutral: bool) -> RowTargets:
    """Return the targets of the parts' rows; `labels` is the number of labels, `neutral` adds an output."""
    rows = sum(map(len, parts))
    classes = np.zeros((rows, labels + neutral), np.float32)
    every = [targets for part in parts for targets in part.targets]
    for row, targets in enumerate(every):
        if targets:
            classes[row, list(targets)] = 1 / len(targets)
    knows = [np.full(len(part), part.knows_neutral or not neutral) for part in parts]
    skipped = np.array([not targets for targets in every], np.bool_)
    weights = [np.full(len(part), part.weight, np.float32) for part in parts]
    return RowTargets(classes, np.concatenate(knows) | skipped, np.concatenate(weights))


def shown_rows(parts: Sequence[TrainingPart], epoch: int, seed: int) -> list[int]:
    """Return the numbers of the rows that an epoch, counted from 1, shows by the ratios of their parts.

    Each part is shuffled once by `seed`, and the epochs continue through it in turn: after 1 / ratio epochs every row
    was shown. A ratio of 1 gives every row once, in order.
    """
    shown: list[int] = []
    start = 0
    for number, part in enumerate(parts):
        shown += [start + row for row in _turn(part, epoch, np.random.default_rng((seed, number)))]
        start += len(part)
    return shown


def _turn(part: TrainingPart, epoch: int, random: np.random.Generator) -> Sequence[int]:
    if part.ratio == 1 or len(part) == 0:  # all rows of a part may have been left out
        return range(len(part))
    count = max(1, round(part.ratio * len(part)))
    places = (np.arange(count) + (epoch - 1) * count) % len(part)
    order: list[int] = random.permutation(len(part))[places].tolist()
    return order
