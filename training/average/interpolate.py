"""Interpolate between the weights of a base that was trained on the labels, and the weights after further training.

Further training on other texts improves a model on such texts and makes it slightly worse on the first data set. Linear
interpolations of the two sets of weights keep most of both, and are often better on the first data set than either
(WiSE-FT, Wortsman et al. 2022).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from transformers import PreTrainedModel

from training.output.progress import say
from training.score.scores import score, softmax

Weights = Mapping[str, torch.Tensor]
"""A state_dict: tensors by the names of the parameters."""
Predict = Callable[[], npt.NDArray[np.float32]]
"""From no argument to the model's logits on validation, [rows, labels]."""

_SHARES: Final = tuple(tenths / 10 for tenths in range(10, -1, -1))
"""1, 0.9 … 0, in the order of the search; each share costs one prediction of the validation split."""


@dataclass(frozen=True, slots=True)
class Interpolation:
    """The share of the trained weights that is in the model, and the model's scores and logits on validation."""

    share: float
    """The share of the trained weights, 0 to 1; 1 keeps the trained weights, 0 is the base."""
    accuracy: float
    macro_f1: float
    logits: npt.NDArray[np.float32]
    """[rows, labels]."""

    def as_dict(self) -> dict[str, float]:
        """Return share and scores, rounded, JSON-ready."""
        return {name: round(getattr(self, name), 6) for name in ("share", "accuracy", "macro_f1")}


def interpolate(
    model: PreTrainedModel,
    base: Weights | None,
    predict: Predict,
    targets: Sequence[int],
    labels: Sequence[str],
) -> Interpolation:
    """Leave the largest share of the trained weights in `model` that scores no worse than the base on validation.

    The score is accuracy plus macro-F1, as for the best epoch. If `base` is None, the trained weights stay unchanged.
    """
    trained = {name: weight.detach().clone() for name, weight in model.state_dict().items()}
    if base is None:
        return _evaluate_share(model, trained, trained, 1.0, predict=predict, targets=targets, labels=labels)
    of_base = _evaluate_share(model, base, trained, 0.0, predict=predict, targets=targets, labels=labels)
    for share in _SHARES:
        found = _evaluate_share(model, base, trained, share, predict=predict, targets=targets, labels=labels)
        say(
            f"{share:.0%} of the trained weights: validation accuracy {found.accuracy:.4f}, "
            f"macro F1 {found.macro_f1:.4f}"
        )
        if found.accuracy + found.macro_f1 >= of_base.accuracy + of_base.macro_f1:
            return found
    raise AssertionError("a share of 0 is the base itself")


def _evaluate_share(
    model: PreTrainedModel,
    base: Weights,
    trained: Weights,
    share: float,
    *,
    predict: Predict,
    targets: Sequence[int],
    labels: Sequence[str],
) -> Interpolation:
    """Load the interpolated weights into the model and score the model on validation."""
    model.load_state_dict({name: torch.lerp(base[name], trained[name], share) for name in trained})
    logits = predict()
    scores = score(softmax(logits), targets, labels)
    return Interpolation(share, scores.accuracy, scores.macro_f1, logits)
