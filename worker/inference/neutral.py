"""The neutral output of a model: how likely a text shows none of the model's labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from worker.inference.model_config import checked_number

_LARGEST: Final = 1e9
"""A larger calibration than this cannot come from a fit, and its products could overflow."""


@dataclass(frozen=True, slots=True)
class NeutralCalibration:
    """Platt scaling of the neutral logit: `scale` above 0, and `shift`, both fitted on validation.

    With `scale` 1 and `shift` 0, the probability is that of a softmax over the labels and neutral.
    """

    scale: float
    shift: float

    @classmethod
    def of_config(cls, fields: object) -> "NeutralCalibration":
        """Return the calibration from `neutral` of config.json. Raises TypeError or ValueError if there is none."""
        if not isinstance(fields, Mapping):
            raise TypeError("neutral must be an object with the numbers scale and shift")
        scale, shift = _finite(fields, "scale"), _finite(fields, "shift")
        if scale <= 0:
            raise ValueError(f"neutral.scale must be above 0, and is {scale:g}")
        return cls(scale, shift)

    def probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability of neutral for each row of `logits`, [rows, labels + 1], the neutral logit last."""
        odds = logits[:, -1] - np.logaddexp.reduce(logits[:, :-1], axis=1)
        # The sigmoid in a form that cannot overflow.
        probabilities: NDArray[np.float64] = np.exp(-np.logaddexp(0.0, -(self.scale * odds + self.shift)))
        return probabilities


def _finite(fields: Mapping[str, Any], name: str) -> float:
    number = checked_number(fields.get(name), f"neutral.{name}")
    if abs(number) > _LARGEST:
        raise ValueError(f"neutral.{name} is {number:g}, and must be from -{_LARGEST:g} to {_LARGEST:g}")
    return number
