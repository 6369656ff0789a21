"""Back towards the base: weights between a base that knew the labels already and what further training made of it.

Training on other texts makes a model better there and a little worse at home. Between the two sets of weights lie
models that keep most of both, often better at home than either (WiSE-FT, Wortsman et al. 2022).
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
Predict = Callable[[], npt.NDArray[np.float32]]
"""Returns the model's logits on validation, [rows, labels]."""

_SHARES: Final = tuple(tenths / 10 for tenths in range(10, -1, -1))


@dataclass(frozen=True, slots=True)
class Between:
    """The chosen weights are in the model; `logits` are its on validation."""

    share: float
    """Of the trained weights; 1 keeps them, 0 is the base."""
    accuracy: float
    macro_f1: float
    logits: npt.NDArray[np.float32]

    def as_dict(self) -> dict[str, float]:
        """Return the figures, rounded."""
        return {name: round(getattr(self, name), 6) for name in ("share", "accuracy", "macro_f1")}


def interpolate(
    model: PreTrainedModel,
    base: Weights | None,
    predict: Predict,
    targets: Sequence[int],
    labels: Sequence[str],
) -> Between:
    """Leave the weights with the largest share of the trained ones that judge validation no worse than the base.

    Judged by accuracy plus macro-F1, like the epochs. Without a base the trained weights stay as they are.
    """
    trained = {name: weight.detach().clone() for name, weight in model.state_dict().items()}
    if base is None:
        return _between(model, trained, trained, 1.0, predict=predict, targets=targets, labels=labels)
    at_home = _between(model, base, trained, 0.0, predict=predict, targets=targets, labels=labels)
    for share in _SHARES:
        found = _between(model, base, trained, share, predict=predict, targets=targets, labels=labels)
        say(f"{share:.0%} of the way: validation accuracy {found.accuracy:.4f}, macro F1 {found.macro_f1:.4f}")
        if found.accuracy + found.macro_f1 >= at_home.accuracy + at_home.macro_f1:
            return found
    raise AssertionError("a share of 0 is the base itself")


def _between(
    model: PreTrainedModel,
    base: Weights,
    trained: Weights,
    share: float,
    *,
    predict: Predict,
    targets: Sequence[int],
    labels: Sequence[str],
) -> Between:
    model.load_state_dict({name: torch.lerp(base[name], trained[name], share) for name in trained})
    logits = predict()
    scores = score(softmax(logits), targets, labels)
    return Between(share, scores.accuracy, scores.macro_f1, logits)
