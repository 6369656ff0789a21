"""Several processes with a torch engine each, which share one device and begin at the same time."""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any, Final

from worker.inference.engine_torch import TorchEngine
from worker.inference.token_batch import TokenBatch
from worker.process.metrics import Metrics

#: The processes label for so long, all of them at the same time.
MEASURED_S: Final = 10.0

#: A process loads torch and the model; the processes wait for the slowest of them.
START_S: Final = 300.0

_barrier: Barrier


def together(
    processes: int, path: Path, device: str, pass_tokens: int | None, batch: TokenBatch, *, seconds: float = MEASURED_S
) -> float:
    """Return the tweets per second of all processes together."""
    context = multiprocessing.get_context("spawn")  # a forked process cannot use the GPU of its parent
    with ProcessPoolExecutor(processes, context, _keep, (context.Barrier(processes),)) as pool:
        rates = [pool.submit(_rate, path, device, pass_tokens, batch, seconds) for _ in range(processes)]
        return round(sum(rate.result() for rate in rates), 1)


def _keep(barrier: Any) -> None:
    global _barrier  # noqa: PLW0603 - a pool's processes get a barrier only when they start
    _barrier = barrier


def _rate(path: Path, device: str, pass_tokens: int | None, batch: TokenBatch, seconds: float) -> float:
    """Return the tweets per second of this process."""
    engine = TorchEngine(path, device, max_pass_tokens=pass_tokens, metrics=Metrics())
    engine.logits(batch)
    _barrier.wait(START_S)
    started, calls = time.perf_counter(), 0
    while (now := time.perf_counter()) < started + seconds:
        engine.logits(batch)
        calls += 1
    return calls * len(batch.lengths) / (now - started)
