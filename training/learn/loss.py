"""The loss of one batch: cross-entropy with soft and masked targets, focal or weighted, R-Drop, and a teacher."""

from collections.abc import Callable
from typing import Final, NamedTuple

import torch

from training.learn.imbalance import FOCAL_GAMMA, Imbalance
from training.learn.recipe import Recipe


class BatchTargets(NamedTuple):
    """What the rows of a batch teach."""

    classes: torch.Tensor
    """[rows, outputs], float32; a row sums to 1, or to 0 if it has no label."""
    all_outputs: torch.Tensor
    """[rows], bool; False: the last output, neutral, takes no part in the softmax of the row."""
    weights: torch.Tensor
    """[rows], float32."""
    teacher: torch.Tensor
    """[rows, outputs], float32: logarithms of the teacher's probabilities; [rows, 0] without a teacher."""

    @property
    def has_teacher(self) -> bool:
        """Return whether the rows have a teacher's probabilities."""
        return self.teacher.shape[1] > 0

    def repeated(self, views: int) -> "BatchTargets":
        """Return the targets of several views of the batch, one after the other."""
        return BatchTargets(*(part.repeat(views, *[1] * (part.ndim - 1)) for part in self)) if views > 1 else self


BatchLoss = Callable[[torch.Tensor, BatchTargets], torch.Tensor]
"""From logits [views x rows, outputs] and the targets of the rows to the mean loss over the rows, a scalar."""

_MASKED: Final = -1e4
"""The logit of an output that takes no part: its probability is 0, and 0 times its logarithm is 0, not NaN."""


def batch_loss(recipe: Recipe, weights: torch.Tensor | None) -> BatchLoss:
    """Return the loss function of the recipe; `weights` [outputs] are those of `class-weights`, else None.

    With a teacher, the loss of a row is (1 - a) x loss of its label + a x T² x divergence from the teacher at the
    temperature T (Hinton et al. 2015, section 2); a is the recipe's `teacher_share`. A row without a label has only the
    second part.
    """

    def loss(logits: torch.Tensor, targets: BatchTargets) -> torch.Tensor:
        views = len(logits) // len(targets.classes)
        every = targets.repeated(views)
        logs = _masked(logits, every).log_softmax(dim=-1)
        rows = _label_loss(logs, every, recipe, weights)
        if targets.has_teacher:
            distance = _teacher_divergence(logits, every.teacher, recipe.teacher_temperature)
            rows = (1 - recipe.teacher_share) * rows + recipe.teacher_share * distance
        mean = (rows * every.weights).mean()
        if views > 1:
            mean = mean + recipe.r_drop * (_row_divergence(logs) * targets.weights).mean()
        return mean

    return loss


def divergence(logits: torch.Tensor) -> torch.Tensor:
    """Return the mean symmetric Kullback-Leibler divergence of the two dropout views in logits [2 x rows, outputs].

    Source: R-Drop, Liang et al. 2021, equation 2.
    """
    return _row_divergence(logits.log_softmax(dim=-1)).mean()


def _row_divergence(logs: torch.Tensor) -> torch.Tensor:
    """Return the divergence of each row, [rows], from the logarithms of the probabilities [2 x rows, outputs]."""
    one, other = logs.chunk(2)
    return ((one.exp() - other.exp()) * (one - other)).sum(dim=-1) / 2


def _masked(logits: torch.Tensor, targets: BatchTargets) -> torch.Tensor:
    """Return the logits, those of outputs that take no part replaced."""
    last = logits[:, -1:].masked_fill(~targets.all_outputs[:, None], _MASKED)
    return torch.cat((logits[:, :-1], last), dim=-1)


def _label_loss(
    logs: torch.Tensor, targets: BatchTargets, recipe: Recipe, weights: torch.Tensor | None
) -> torch.Tensor:
    """Return the loss of each row against its label, [rows]; 0 for a row without a label."""
    wanted = targets.classes
    if recipe.label_smoothing:
        takes_part = (logs > _MASKED / 2).float()
        even = takes_part / takes_part.sum(dim=-1, keepdim=True)
        wanted = (1 - recipe.label_smoothing) * wanted + recipe.label_smoothing * even * wanted.sum(-1, keepdim=True)
    entropy = -(wanted * logs).sum(dim=-1)
    if recipe.imbalance is Imbalance.FOCAL:
        entropy = entropy * (1 - (targets.classes * logs.exp()).sum(dim=-1)) ** FOCAL_GAMMA
    if weights is not None:
        entropy = entropy * (targets.classes @ weights)
    return entropy


def _teacher_divergence(logits: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return T² times the divergence of each row from the teacher, both at temperature T, [rows]."""
    goal = (teacher / temperature).log_softmax(dim=-1)
    logs = (logits / temperature).log_softmax(dim=-1)
    return temperature**2 * (goal.exp() * (goal - logs)).sum(dim=-1)
