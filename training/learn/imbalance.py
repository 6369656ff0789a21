"""What is done about rare classes: which rows an epoch shows, and how much each row's loss weighs."""

import random
from collections.abc import Sequence
from enum import StrEnum

import numpy as np


class Imbalance(StrEnum):
    """A way to treat class imbalance."""

    NONE = "none"
    CLASS_WEIGHTS = "class-weights"
    OVERSAMPLE = "oversample"
    UNDERSAMPLE = "undersample"
    FOCAL = "focal"


FOCAL_GAMMA = 2.0
"""How strongly sure rows are discounted (Lin et al. 2017, section 3.2)."""


def rows_of_epoch(targets: Sequence[int], way: Imbalance, rng: random.Random) -> list[int]:
    """Return the row numbers that one epoch shows, in no order that matters.

    `oversample` repeats rows of each class until it is as frequent as the most frequent one, `undersample` leaves out
    rows until it is as rare as the rarest; both draw anew in each epoch. The others show each row once.
    """
    if way not in (Imbalance.OVERSAMPLE, Imbalance.UNDERSAMPLE):
        return list(range(len(targets)))
    rows_of: dict[int, list[int]] = {}
    for row, target in enumerate(targets):
        rows_of.setdefault(target, []).append(row)
    sizes = [len(rows) for rows in rows_of.values()]
    wanted = max(sizes) if way is Imbalance.OVERSAMPLE else min(sizes)
    chosen: list[int] = []
    for rows in rows_of.values():
        whole, rest = divmod(wanted, len(rows))
        chosen += rows * whole + rng.sample(rows, rest)
    return chosen


def class_weights(targets: Sequence[int], labels: int) -> list[float]:
    """Return a weight for each class, inverse to the square root of its frequency, their mean over the rows being 1.

    The plain inverse would let a class of 3.6 % of the rows weigh ten times as much as one of 33 % and cost accuracy;
    the root is the usual compromise (Mahajan et al. 2018, section 2.2).
    """
    counts = np.bincount(np.asarray(targets), minlength=labels)
    roots = 1 / np.sqrt(np.maximum(counts, 1))
    weights: list[float] = (roots * len(targets) / float(counts @ roots)).tolist()
    return weights
