"""The progress of a run in plain values."""

import math
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class RunState:
    """The progress of a run in plain values: the part of the checkpoint that is not tensors."""

    epoch: int = 0
    """Epochs that are trained and evaluated."""
    step: int = 0
    """Steps since the start of the run."""
    losses: list[float] = field(default_factory=list)
    """The loss of each finished step of the current epoch."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """The scores of each finished epoch."""
    best_epoch: int = 0
    best_rank: float = -math.inf
    """The rank of the best epoch's validation scores."""
    seconds: float = 0.0
    """Training time up to the last checkpoint."""
    pieces: int = 1
    """The number of parts into which a batch is split to fit into the GPU's memory."""
