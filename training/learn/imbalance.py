"""Strategies for class imbalance: the rows that an epoch shows, and the weight of each class in the loss."""

import random
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt


class Imbalance(StrEnum):
    """A strategy for class imbalance."""

    NONE = "none"
    CLASS_WEIGHTS = "class-weights"
    OVERSAMPLE = "oversample"
    UNDERSAMPLE = "undersample"
    FOCAL = "focal"


FOCAL_GAMMA = 2.0
"""The exponent that reduces the loss of rows with a high likelihood of the label (Lin et al. 2017, section 3.2)."""


def rows_of_epoch(targets: Sequence[int], strategy: Imbalance, rng: random.Random) -> list[int]:
    """Return the numbers of the rows that one epoch shows, not yet shuffled.

    `oversample` repeats rows of each class up to the size of the largest class, `undersample` leaves out rows down to
    the size of the smallest class; with another `rng` both draw other rows. All other strategies show each row once.
    Rows without a class, number -1, are shown once.
    """
    if strategy not in (Imbalance.OVERSAMPLE, Imbalance.UNDERSAMPLE):
        return list(range(len(targets)))
    rows_of: dict[int, list[int]] = {}
    for row, target in enumerate(targets):
        rows_of.setdefault(target, []).append(row)
    chosen = rows_of.pop(-1, [])
    sizes = [len(rows) for rows in rows_of.values()]
    wanted = max(sizes) if strategy is Imbalance.OVERSAMPLE else min(sizes)
    for rows in rows_of.values():
        whole, rest = divmod(wanted, len(rows))
        chosen += rows * whole + rng.sample(rows, rest)
    return chosen


def class_weights(targets: Sequence[int], labels: int) -> list[float]:
    """Return a weight for each class: the inverse square root of its frequency, scaled to a mean of 1 over the rows.

    With the inverse frequency, a class with 3.6 % of the rows would have nine times the weight of a class with 33 %,
    which costs accuracy; the square root is the usual compromise (Mahajan et al. 2018, section 2.2).
    """
    return class_weights_of_counts(np.bincount(np.asarray(targets), minlength=labels))


def class_weights_of_counts(counts: npt.NDArray[Any]) -> list[float]:
    """Return the weights of `class_weights` from the number of rows of each class, which need not be whole."""
    roots = 1 / np.sqrt(np.maximum(counts, 1))
    weights: list[float] = (roots * float(counts.sum()) / float(counts @ roots)).tolist()
    return weights
