"""Temperature scaling: one number that calibrates the confidence and changes no label."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar  # type: ignore[import-untyped,unused-ignore]

from training.score.scores import softmax

_LOWEST, _HIGHEST = 0.25, 4.0
"""With a handful of rows that are all right or all wrong, the best temperature would be 0 or infinity."""
_LEAST_LIKELIHOOD = 1e-12
"""Keeps the logarithm finite where a softmax underflows to 0."""


def fit_temperature(logits: npt.NDArray[np.float32], targets: Sequence[int]) -> float:
    """Return the temperature, between 0.25 and 4, with the lowest negative log likelihood.

    `logits` are [rows, labels], `targets` the class numbers [rows]. Source: Guo et al. 2017, section 4.2.
    """
    rows = np.arange(len(targets))

    def loss(temperature: float) -> float:
        likelihood = softmax(logits, temperature=temperature)[rows, np.asarray(targets)]
        return float(-np.mean(np.log(np.maximum(likelihood, _LEAST_LIKELIHOOD))))

    found = minimize_scalar(loss, bounds=(_LOWEST, _HIGHEST), method="bounded")
    return round(float(found.x), 4)
