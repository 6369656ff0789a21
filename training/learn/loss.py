"""The loss of one batch: cross-entropy, focal loss or weighted cross-entropy, and R-Drop."""

from collections.abc import Callable

import torch
from torch.nn import functional

from training.learn.imbalance import FOCAL_GAMMA, Imbalance
from training.learn.recipe import Recipe

BatchLoss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""From logits [views x rows, labels] and class numbers [rows] to the mean loss over the rows, a scalar."""


def batch_loss(recipe: Recipe, weights: torch.Tensor | None) -> BatchLoss:
    """Return the loss function of the recipe; `weights` [labels] are those of `class-weights`, else None."""

    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        views = len(logits) // len(targets)
        repeated = targets.repeat(views)
        entropy = functional.cross_entropy(logits, repeated, reduction="none", label_smoothing=recipe.label_smoothing)
        if recipe.imbalance is Imbalance.FOCAL:
            entropy = entropy * (1 - logits.softmax(dim=-1).gather(1, repeated[:, None])[:, 0]) ** FOCAL_GAMMA
        if weights is not None:
            entropy = entropy * weights[repeated]
        return entropy.mean() + (recipe.r_drop * divergence(logits) if views > 1 else 0.0)

    return loss


def divergence(logits: torch.Tensor) -> torch.Tensor:
    """Return the symmetric Kullback-Leibler divergence of the two dropout views in logits [2 x rows, labels].

    Source: R-Drop, Liang et al. 2021, equation 2.
    """
    one, other = logits.log_softmax(dim=-1).chunk(2)
    return (_one_way(one, other) + _one_way(other, one)) / 2


def _one_way(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return functional.kl_div(one, other, reduction="batchmean", log_target=True)
