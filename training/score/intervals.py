"""How far figures can be trusted: their spread over bootstrap samples of the rows they were measured on.

A bootstrap sample draws as many rows as there are, with replacement. The same seed draws the same rows, so two models'
figures on one split are paired sample by sample, and so is their difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from training.score.calibration import BINS, Floats, Numbers, bin_numbers

SEED: Final = 0
COVERAGE: Final = 0.95

_DRAWS_AT_ONCE: Final = 2_000_000
"""Keeps the memory of a large split's samples to some hundred megabytes."""


class Interval(NamedTuple):
    """The bounds of a figure."""

    low: float
    high: float

    def as_list(self, digits: int = 6) -> list[float]:
        """Return the bounds JSON-ready."""
        return [round(bound, digits) for bound in self]


@dataclass(frozen=True, slots=True)
class RowOutcomes:
    """What came out for each row of a split, [rows] each."""

    targets: Numbers
    predicted: Numbers
    confidences: Floats
    labels: int
    """How many there are."""

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Where the label is the true one."""
        return np.equal(self.predicted, self.targets)

    @property
    def cells(self) -> Numbers:
        """Return each row's place in the flattened confusion matrix."""
        return self.targets * self.labels + self.predicted

    def confusion(self) -> Numbers:
        """Return the counts of rows, [true label, predicted label]."""
        return np.bincount(self.cells, minlength=self.labels**2).reshape(self.labels, self.labels)


@dataclass(frozen=True, slots=True)
class Samples:
    """Figures of each bootstrap sample, [samples]; `f1` is [samples, labels]."""

    accuracy: Floats
    macro_f1: Floats
    weighted_f1: Floats
    ece: Floats
    f1: Floats


def outcomes(probabilities: Floats, targets: Sequence[int]) -> RowOutcomes:
    """Return what the probabilities [rows, labels] say of each row."""
    predicted = probabilities.argmax(axis=1)
    return RowOutcomes(
        np.asarray(targets, dtype=np.int64), predicted, probabilities.max(axis=1), probabilities.shape[1]
    )


def bootstrap(rows: RowOutcomes, *, resamples: int, seed: int = SEED) -> Samples:
    """Return the figures of so many samples of the rows (Efron and Tibshirani 1993, chapter 13)."""
    count = len(rows.targets)
    random = np.random.default_rng(seed)
    at_once = max(1, _DRAWS_AT_ONCE // count)
    parts = [
        _figures(rows, random.integers(count, size=(min(at_once, resamples - done), count)))
        for done in range(0, resamples, at_once)
    ]
    names = Samples.__dataclass_fields__
    return Samples(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def interval(figures: Floats) -> Interval:
    """Return the percentiles between which COVERAGE of the samples lie."""
    low, high = np.quantile(figures, ((1 - COVERAGE) / 2, (1 + COVERAGE) / 2))
    return Interval(float(low), float(high))


def _figures(rows: RowOutcomes, drawn: Numbers) -> Samples:
    """Return the figures of samples given by their row numbers, [samples, rows]."""
    count = drawn.shape[1]
    confusions = _by_sample(rows.cells[drawn], rows.labels**2).reshape(-1, rows.labels, rows.labels)
    gaps = _by_sample(bin_numbers(rows.confidences)[drawn], BINS, weights=(rows.right - rows.confidences)[drawn])
    hits = confusions.diagonal(axis1=1, axis2=2)
    support = confusions.sum(axis=2)
    f1 = _ratio(2 * hits, support + confusions.sum(axis=1))
    return Samples(
        accuracy=hits.sum(axis=1) / count,
        macro_f1=f1.mean(axis=1),
        weighted_f1=(f1 * support).sum(axis=1) / count,
        ece=np.abs(gaps).sum(axis=1) / count,
        f1=f1,
    )


def _by_sample(kinds: Numbers, count: int, *, weights: Floats | None = None) -> npt.NDArray[np.float64]:
    """Count each of `count` kinds, or add up its weights, in each row of an array [samples, rows]."""
    samples = len(kinds)
    places = kinds + np.arange(samples)[:, np.newaxis] * count
    flat = None if weights is None else weights.ravel()
    return np.bincount(places.ravel(), flat, minlength=samples * count).reshape(samples, count).astype(np.float64)


def _ratio(parts: Floats, wholes: Floats) -> Floats:
    """Divide, and let a ratio without any case count as 0, as the scores do."""
    return np.divide(parts, wholes, out=np.zeros_like(parts), where=wholes > 0)
