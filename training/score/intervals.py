"""Compute confidence intervals of scores by bootstrap sampling of the rows.

A bootstrap sample draws as many rows as the split has, with replacement. The same seed draws the same rows, so the
scores of two models on one split are paired sample by sample, and an interval of their difference can be computed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from training.score.calibration import BINS, Floats, Numbers, bin_numbers

SEED: Final = 0
"""The same for all models: paired samples need the same rows."""
COVERAGE: Final = 0.95
"""Share of the bootstrap samples inside an interval, the usual one."""

_DRAWS_AT_ONCE: Final = 2_000_000
"""Row numbers drawn at once: limits the memory of a large split's samples to a few hundred megabytes."""


class Interval(NamedTuple):
    """The bounds of a score or of a difference of scores."""

    low: float
    high: float

    def as_list(self, digits: int = 6) -> list[float]:
        """Return the bounds JSON-ready."""
        return [round(bound, digits) for bound in self]


@dataclass(frozen=True, slots=True)
class RowOutcomes:
    """The outcome of each row of a split: arrays of shape [rows]."""

    targets: Numbers
    predicted: Numbers
    confidences: Floats
    labels: int
    """The number of labels."""

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Return where the predicted label is the true label, [rows]."""
        return np.equal(self.predicted, self.targets)

    @property
    def cells(self) -> Numbers:
        """Return each row's index in the flattened confusion matrix, [rows]."""
        return self.targets * self.labels + self.predicted

    def confusion(self) -> Numbers:
        """Return the counts of rows, [true label, predicted label]."""
        return np.bincount(self.cells, minlength=self.labels**2).reshape(self.labels, self.labels)


@dataclass(frozen=True, slots=True)
class Samples:
    """Scores of each bootstrap sample, [samples]; `f1` is [samples, labels]."""

    accuracy: Floats
    macro_f1: Floats
    weighted_f1: Floats
    ece: Floats
    f1: Floats


def outcomes(probabilities: Floats, targets: Sequence[int]) -> RowOutcomes:
    """Return the predicted label and confidence of each row from probabilities [rows, labels]."""
    predicted = probabilities.argmax(axis=1)
    return RowOutcomes(
        np.asarray(targets, dtype=np.int64), predicted, probabilities.max(axis=1), probabilities.shape[1]
    )


def bootstrap(rows: RowOutcomes, *, resamples: int, seed: int = SEED) -> Samples:
    """Return the scores of `resamples` bootstrap samples of the rows (Efron and Tibshirani 1993, chapter 13)."""
    count = len(rows.targets)
    random = np.random.default_rng(seed)
    at_once = max(1, _DRAWS_AT_ONCE // count)
    parts = [
        _scores(rows, random.integers(count, size=(min(at_once, resamples - done), count)))
        for done in range(0, resamples, at_once)
    ]
    names = Samples.__dataclass_fields__
    return Samples(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def interval(samples: Floats) -> Interval:
    """Return the percentiles between which the share COVERAGE of the samples [samples] lies."""
    low, high = np.quantile(samples, ((1 - COVERAGE) / 2, (1 + COVERAGE) / 2))
    return Interval(float(low), float(high))


def _scores(rows: RowOutcomes, drawn: Numbers) -> Samples:
    """Return the scores of samples given by their row numbers, [samples, rows]."""
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
    """Count each of `count` kinds, or sum its weights, in each row of an array [samples, rows]; [samples, count]."""
    samples = len(kinds)
    places = kinds + np.arange(samples)[:, np.newaxis] * count
    flat = None if weights is None else weights.ravel()
    return np.bincount(places.ravel(), flat, minlength=samples * count).reshape(samples, count).astype(np.float64)


def _ratio(parts: Floats, wholes: Floats) -> Floats:
    """Divide element by element; a ratio with denominator 0 is 0, as in `training.score.scores`."""
    return np.divide(parts, wholes, out=np.zeros_like(parts), where=wholes > 0)
