"""What moves the weights: AdamW by layer, the rate's rise and fall, and the running mean of the weights."""

import re
from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel

from training.learn.recipe import Recipe

_LAYER = re.compile(r"\.layers?\.(\d+)\.")
_EMBEDDINGS = re.compile(r"\.embeddings\.")


def optimizer(model: torch.nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return AdamW; biases and norms are not decayed, and lower layers learn more slowly if the recipe says so."""
    depths = {name: _depth(name) for name, _ in model.named_parameters()}
    top = max((depth for depth in depths.values() if depth is not None), default=-1) + 1
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, weight in model.named_parameters():
        depth = depths[name]
        rate = recipe.learning_rate * recipe.layer_decay ** (0 if depth is None else top - depth)
        groups.setdefault((rate, recipe.weight_decay if weight.ndim > 1 else 0.0), []).append(weight)
    settings = [{"params": weights, "lr": rate, "weight_decay": decay} for (rate, decay), weights in groups.items()]
    return torch.optim.AdamW(settings, fused=True)


def _depth(name: str) -> int | None:
    """Return a parameter's layer, -1 for the embeddings, None for the head."""
    if found := _LAYER.search(name):
        return int(found[1])
    return -1 if _EMBEDDINGS.search(name) else None


def schedule(optimizer: torch.optim.Optimizer, *, steps: int, warmup: float) -> torch.optim.lr_scheduler.LambdaLR:
    """Return the rate's course: up along a line, then down to 0 along another."""
    climb = max(1.0, warmup * steps)

    def factor(step: int) -> float:
        return min((step + 1) / climb, max(0.0, (steps - step) / max(1.0, steps - climb)))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def averaged(model: torch.nn.Module, highest_decay: float) -> AveragedModel:
    """Return the running mean of the weights; with a decay of 0 it is their latest copy."""

    def move(means: Any, weights: Any, updates: torch.Tensor | int) -> None:
        """Forget faster at first, or the base's weights would fill the mean of a short run for long."""
        decay = min(highest_decay, (1 + int(updates)) / (10 + int(updates)))
        torch._foreach_lerp_(list(means), list(weights), 1 - decay)

    return AveragedModel(model, multi_avg_fn=move)
