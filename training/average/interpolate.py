"""Interpolate between the weights of a base that was trained on the labels, and the weights after further training.

Further training on other texts improves a model on such texts and makes it slightly worse on the first data set. Linear
interpolations of the two sets of weights keep most of both, and are often better on the first data set than either
(WiSE-FT, Wortsman et al. 2022).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import torch
from transformers import PreTrainedModel

from training.learn.validation import Logits, ValidationRows, ValidationScores
from training.output.progress import say

Weights = Mapping[str, torch.Tensor]
"""A state_dict: tensors by the names of the parameters."""
Predict = Callable[[], Logits]
"""From no argument to the model's logits on validation, [rows, outputs]."""

_SHARES: Final = tuple(tenths / 10 for tenths in range(10, -1, -1))
"""1, 0.9 … 0, in the order of the search; each share costs one prediction of the validation split."""


@dataclass(frozen=True, slots=True)
class Interpolation:
    """The share of the trained weights that is in the model, and the model's scores and logits on validation."""

    share: float
    """The share of the trained weights, 0 to 1; 1 keeps the trained weights, 0 is the base."""
    scores: ValidationScores
    logits: Logits
    """[rows, outputs]."""
    given: bool = False
    """Whether the share was given, not searched."""

    def as_dict(self) -> dict[str, Any]:
        """Return share and scores, rounded, JSON-ready."""
        scores = {name: value for name, value in self.scores.as_dict().items() if name != "loss"}
        return {"share": round(self.share, 6), **({"given": True} if self.given else {}), **scores}


def interpolate(
    model: PreTrainedModel,
    base: Weights | None,
    predict: Predict,
    validation: ValidationRows,
    *,
    share: float | None = None,
) -> Interpolation:
    """Leave the largest share of the trained weights in `model` that scores no worse than the base on validation.

    The score is `ValidationScores.rank`, as for the best epoch. With `share`, leave this share without a search. If
    `base` is None, the trained weights stay unchanged.
    """
    trained = {name: weight.detach().to("cpu", copy=True) for name, weight in model.state_dict().items()}
    if base is None:
        return _evaluate_share(model, trained, trained, 1.0, predict=predict, validation=validation)
    if share is not None:
        found = _evaluate_share(model, base, trained, share, predict=predict, validation=validation)
        return replace(found, given=True)
    of_base = _evaluate_share(model, base, trained, 0.0, predict=predict, validation=validation)
    for tried in _SHARES:
        found = _evaluate_share(model, base, trained, tried, predict=predict, validation=validation)
        say(f"{tried:.0%} of the trained weights: {found.scores.described()}")
        if found.scores.rank >= of_base.scores.rank:
            return found
    raise AssertionError("a share of 0 is the base itself")


def _evaluate_share(
    model: PreTrainedModel,
    base: Weights,
    trained: Weights,
    share: float,
    *,
    predict: Predict,
    validation: ValidationRows,
) -> Interpolation:
    """Load the interpolated weights into the model and score the model on validation."""
    model.load_state_dict({name: torch.lerp(base[name], trained[name], share) for name in trained})
    logits = predict()
    return Interpolation(share, validation.scores(logits), logits)
