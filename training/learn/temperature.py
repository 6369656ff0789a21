"""Temperature scaling: one number that makes confidence mean something, and changes no label."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar  # type: ignore[import-untyped,unused-ignore]

from training.score.scores import softmax

_LOWEST, _HIGHEST = 0.25, 4.0


def fit_temperature(logits: npt.NDArray[np.float32], targets: Sequence[int]) -> float:
    """Return the temperature of the least negative log likelihood (Guo et al. 2017, section 4.2).

    It is kept between 0.25 and 4: a handful of rows, all right or all wrong, would ask for 0 or infinity.
    """
    rows = np.arange(len(targets))

    def loss(temperature: float) -> float:
        likelihood = softmax(logits, temperature=temperature)[rows, np.asarray(targets)]
        return float(-np.mean(np.log(np.maximum(likelihood, 1e-12))))

    found = minimize_scalar(loss, bounds=(_LOWEST, _HIGHEST), method="bounded")
    return round(float(found.x), 4)
