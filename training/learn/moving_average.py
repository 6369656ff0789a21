"""The exponential moving average of a model's weights, which is evaluated and kept."""

import copy
from collections.abc import Sequence

import torch


class MovingAverage:
    """A copy of a model whose weights follow those of the model; with a highest decay of 0, the latest weights.

    The number of updates is a Python number: one in a tensor on the GPU would have to be waited for at every step.
    """

    def __init__(self, model: torch.nn.Module, highest_decay: float) -> None:
        self.module = copy.deepcopy(model).requires_grad_(False)
        self._highest_decay = highest_decay
        self._means = [weight.detach() for weight in self.module.parameters()]

    @torch.no_grad()
    def update(self, weights: Sequence[torch.Tensor], updates: int) -> None:
        """Move towards the model's weights, in the order of its parameters; `updates` is the number of earlier updates.

        The decay is lower in the first steps: else the base's weights would dominate the average of a short run.
        """
        # The same warm-up of the decay as in TensorFlow's ExponentialMovingAverage.
        decay = 0.0 if updates == 0 else min(self._highest_decay, (1 + updates) / (10 + updates))
        torch._foreach_lerp_(self._means, [weight.detach() for weight in weights], 1 - decay)
