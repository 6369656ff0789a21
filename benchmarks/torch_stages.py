"""The time of each stage of a forward pass, from the profiler of PyTorch."""

from collections import defaultdict
from typing import Any, Final

from torch.profiler import ProfilerActivity, profile

from worker.inference.engine_torch import TorchEngine
from worker.inference.token_batch import TokenBatch

#: Part of an operator's name → the stage; the first one that fits. Everything else is `other`.
STAGES: Final = {
    "attention": "attention",
    "mm": "matrix_products",
    "linear": "matrix_products",
    "layer_norm": "normalisation",
    "gelu": "activation",
    "relu": "activation",
    "embedding": "embedding",
    "aten::add": "sums",
    "copy": "copies",
    "aten::cat": "copies",
    "index_select": "copies",
}


def stage_microseconds(engine: TorchEngine, batch: TokenBatch, device: str) -> dict[str, float]:
    """Return the microseconds of each stage for a tweet of the batch, largest first: those of the GPU, if there is one.

    The profiler slows the CPU down, so that on a CPU only the shares of the stages are those of an ordinary run.
    """
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device == "cuda" else [])]
    with profile(activities=activities) as profiled:
        engine.logits(batch)
    stages: dict[str, float] = defaultdict(float)
    for event in profiled.key_averages():
        if event.device_type.name == "CPU":  # an event of the GPU is a kernel, which its operator contains
            stages[_stage(event.key)] += _microseconds(event, device)
    ordered = sorted(stages.items(), key=lambda stage: -stage[1])
    return {name: round(total / len(batch.lengths), 3) for name, total in ordered if total}


def _stage(operator: str) -> str:
    return next((stage for part, stage in STAGES.items() if part in operator), "other")


def _microseconds(event: Any, device: str) -> float:
    return float(event.self_device_time_total if device == "cuda" else event.self_cpu_time_total)
