"""Calibrate a model on its validation rows: a temperature for the labels, scale and shift for neutral."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, minimize_scalar  # type: ignore[import-untyped,unused-ignore]

from training.learn.validation import Logits, ValidationRows, label_logits, neutral_margins, one_label_rows
from training.score.scores import softmax

_LOWEST, _HIGHEST = 0.25, 4.0
"""With a handful of rows that are all right or all wrong, the best temperature would be 0 or infinity."""
_LEAST_LIKELIHOOD = 1e-12
"""Keeps the logarithm finite where a softmax underflows to 0."""
_SCALES: Final = (0.05, 20.0)
_SHIFTS: Final = (-20.0, 20.0)
"""Bounds of scale and shift: rows that the margin separates perfectly would make them infinite."""


class NeutralCalibration(NamedTuple):
    """The probability of neutral is sigmoid(scale x margin + shift); see `neutral_margins`."""

    scale: float
    shift: float

    def as_dict(self) -> dict[str, float]:
        """Return the numbers by name, JSON-ready."""
        return self._asdict()

    def probabilities(self, margins: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the probabilities of neutral, in the shape of the margins."""
        return np.asarray(1 / (1 + np.exp(-(self.scale * margins + self.shift))))


def fit_temperature(logits: Logits, targets: Sequence[int]) -> float:
    """Return the temperature, between 0.25 and 4, with the lowest negative log likelihood.

    `logits` are [rows, labels], `targets` the class numbers [rows]. Source: Guo et al. 2017, section 4.2.
    """
    return _best_temperature([(logits, targets)])


def calibrated_temperature(validation: ValidationRows, logits: Logits) -> float:
    """Return the temperature with the lowest mean over the data sets of the negative log likelihood.

    One temperature serves all kinds of text, so each data set counts the same, whatever its number of rows. Only rows
    with exactly one label count.
    """
    found = []
    for split, part in validation.parts(logits):
        rows, targets = one_label_rows(split)
        if rows:
            found.append((label_logits(part[rows], validation.labels), targets))
    return _best_temperature(found)


def _best_temperature(sets: Sequence[tuple[Logits, Sequence[int]]]) -> float:
    def loss(temperature: float) -> float:
        likelihoods = [
            softmax(logits, temperature=temperature)[np.arange(len(targets)), np.asarray(targets)]
            for logits, targets in sets
        ]
        return float(-np.mean([np.log(np.maximum(one, _LEAST_LIKELIHOOD)).mean() for one in likelihoods]))

    found = minimize_scalar(loss, bounds=(_LOWEST, _HIGHEST), method="bounded")
    return round(float(found.x), 4)


def calibrated_neutral(validation: ValidationRows, logits: Logits) -> NeutralCalibration | None:
    """Return scale and shift of the neutral probability, fitted on the data sets that know neutral (Platt 1999).

    None if the model has no neutral output. Without neutral and other rows on validation, scale 1 and shift 0 stay.
    """
    if logits.shape[1] == len(validation.labels):
        return None
    found = [neutral_margins(split, part) for split, part in validation.parts(logits)]
    margins = np.concatenate([one[0] for one in found if one is not None] or [np.zeros(0)])
    is_neutral = np.concatenate([one[1] for one in found if one is not None] or [np.zeros(0, np.int64)])
    if len(set(is_neutral.tolist())) < 2:
        return NeutralCalibration(1.0, 0.0)
    signs = 2 * is_neutral - 1

    def loss(values: Any) -> float:
        return float(np.logaddexp(0, -signs * (values[0] * margins + values[1])).mean())

    best = minimize(loss, x0=(1.0, 0.0), bounds=(_SCALES, _SHIFTS), method="L-BFGS-B")
    return NeutralCalibration(*(round(float(value), 4) for value in best.x))
