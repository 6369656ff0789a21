"""AdamW with learning rates by layer, and the learning rate schedule."""

import re

import torch

from training.learn.recipe import Recipe

_LAYER = re.compile(r"\.layers?\.(\d+)\.")
_EMBEDDINGS = re.compile(r"\.embeddings\.")
"""Parameter names of a layer, with its number, and of the embeddings, in BERT, DistilBERT and similar models."""


def optimizer(model: torch.nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return AdamW without weight decay for biases and norms, with the recipe's decay of the learning rate by layer."""
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
    """Return the layer of a parameter from 0, -1 for the embeddings, None for the head."""
    if found := _LAYER.search(name):
        return int(found[1])
    return -1 if _EMBEDDINGS.search(name) else None


def schedule(optimizer: torch.optim.Optimizer, *, steps: int, warmup: float) -> torch.optim.lr_scheduler.LambdaLR:
    """Return a linear warm-up over the fraction `warmup` of the steps, then a linear decay to 0."""
    rising = max(1.0, warmup * steps)

    def factor(step: int) -> float:
        return min((step + 1) / rising, max(0.0, (steps - step) / max(1.0, steps - rising)))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
