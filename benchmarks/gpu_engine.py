"""Speed of the torch engine: tweets per second, share of the GPU's matrix speed, and the time of each stage.

    python -m benchmarks.gpu_engine                 # one NVIDIA GPU
    python -m benchmarks.gpu_engine --processes 4   # and four processes that share the GPU

Measures the engine alone, on token ids, with the bundled model and with a DistilBERT of the usual size whose weights
are random. The models take turns, round after round. Operations are those of every layer for every token of the texts:
work that the engine avoids counts as done, padding does not. `--device cpu` measures float32 on the CPU; choose few
texts and a small shape. The last line on stdout is one JSON object.
"""

import argparse
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from benchmarks.torch_models import MAX_TOKENS, Shape, shape_of, write_random_model
from benchmarks.torch_processes import together
from benchmarks.torch_stages import stage_microseconds
from training.output.provenance import provenance
from tweets.datasets import SAMPLE, DatasetError, read_rows
from worker.errors import ExitCode, FatalError
from worker.inference.engine_torch import TorchEngine
from worker.inference.model_folder import TOKENIZER_FILE
from worker.inference.token_batch import TokenBatch
from worker.inference.tokenizer_file import read_tokenizer
from worker.process.metrics import Metrics
from worker.process.option_types import positive, whole
from worker.settings import BUNDLED_MODEL

#: Matrix products of a round: the first one of a size may take longer.
PRODUCTS: Final = 10

#: Texts of one call of the engine: a full batch of a worker that reads a backlog.
BATCH_TWEETS: Final = 4_096


@dataclass
class Measured:
    """A model under measurement; `seconds` are those of its rounds."""

    engine: TorchEngine
    shape: Shape
    batches: Sequence[TokenBatch]
    seconds: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    """The most memory of the GPU in a round."""

    def measure(self) -> None:
        """Add the seconds that all batches take."""
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        started = time.perf_counter()
        for batch in self.batches:
            self.engine.logits(batch)
        self.seconds.append(time.perf_counter() - started)
        if torch.cuda.is_available():
            self.peak_bytes = max(self.peak_bytes, torch.cuda.max_memory_allocated())


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return an exit code."""
    options = _options(arguments)
    try:
        with tempfile.TemporaryDirectory() as folder:
            result = _result(options, Path(folder))
    except (FatalError, DatasetError) as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code if isinstance(error, FatalError) else ExitCode.SETTINGS
    print(json.dumps(result), flush=True)
    return ExitCode.OK


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu_engine", description=(__doc__ or "").split("\n", maxsplit=1)[0]
    )
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="where the models run (%(default)s)")
    parser.add_argument("--dataset", default=SAMPLE, help="data set of the texts, split test (%(default)s)")
    parser.add_argument("--texts", type=positive, default=100_000, help="texts of a round, repeated if there are fewer")
    parser.add_argument("--rounds", type=positive, default=5, help="rounds of each model (%(default)s)")
    parser.add_argument("--shape", type=_shape, default="6x768", help="layers x units of the other model (%(default)s)")
    parser.add_argument("--matrix", type=positive, default=8_192, help="size of the product for the peak (%(default)s)")
    parser.add_argument("--pass-tokens", type=whole(16), help="tokens of a pass (the engine's own size)")
    parser.add_argument("--processes", type=positive, default=1, help="processes that share the device (%(default)s)")
    return parser.parse_args(arguments)


def _shape(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,3})x(\d{1,5})", text)
    if found is None or not (layers := int(found[1])) or not (units := int(found[2])) or units % 8:
        raise argparse.ArgumentTypeError(f"{text!r} is not layers x units, the units a multiple of 8, such as 6x768")
    return layers, units


def _result(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    layers, units = options.shape
    write_random_model(folder, layers=layers, units=units)
    paths = {"bundled": BUNDLED_MODEL, f"{layers}x{units}": folder}
    batches = _batches(options.dataset, options.texts)
    models = {}
    for name, path in paths.items():
        engine = TorchEngine(path, options.device, max_pass_tokens=options.pass_tokens, metrics=Metrics())
        models[name] = Measured(engine, shape_of(path), batches)
        engine.logits(batches[0])  # the first call prepares the libraries
    matrix_speed = 0.0
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds} ...", file=sys.stderr)
        matrix_speed = max(matrix_speed, _matrix_speed(options.device, options.matrix))
        for model in models.values():
            model.measure()
    return {
        "device": _device_name(options.device),
        "matrix_tera_operations_per_second": round(matrix_speed / 1e12, 3),
        "models": {name: _figures(model, matrix_speed, options.device) for name, model in models.items()},
        "processes": _processes(options, paths, batches[0]),
        "texts": options.texts,
        "tokens_per_text": round(float(np.mean(np.concatenate([batch.lengths for batch in batches]))), 2),
        **provenance(),
    }


def _batches(dataset: str, number: int) -> list[TokenBatch]:
    texts = [row.text for row in islice(read_rows(dataset, "test"), number)]
    if not texts:
        raise DatasetError(f"data set {dataset!r} has no texts")
    tokenizer = read_tokenizer(BUNDLED_MODEL / TOKENIZER_FILE)
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    rows = list(islice(cycle(encoding.ids for encoding in tokenizer.encode_batch_fast(texts)), number))
    return [TokenBatch.of(rows[first : first + BATCH_TWEETS]) for first in range(0, number, BATCH_TWEETS)]


def _matrix_speed(device: str, size: int) -> float:
    """Return the operations per second of a product of two matrices, in the dtype of the engine."""
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    matrix = torch.randn(size, size, device=device).to(dtype)
    matrix @ matrix
    _wait(device)
    started = time.perf_counter()
    for _ in range(PRODUCTS):
        matrix @ matrix
    _wait(device)
    return PRODUCTS * 2 * size**3 / (time.perf_counter() - started)


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _device_name(device: str) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else "cpu"


def _figures(model: Measured, matrix_speed: float, device: str) -> dict[str, Any]:
    texts = sum(len(batch.lengths) for batch in model.batches)
    operations = sum(model.shape.operations(batch.lengths) for batch in model.batches)
    best, median = min(model.seconds), statistics.median(model.seconds)
    figures: dict[str, Any] = {
        "engine": model.engine.name,
        "rows": model.engine.rows,
        "tweets_per_second": round(texts / best, 1),
        "tweets_per_second_median": round(texts / median, 1),
        "spread": round(max(model.seconds) / best - 1, 3),
        "giga_operations_per_tweet": round(operations / texts / 1e9, 4),
        "share_of_matrix_speed": round(operations / best / matrix_speed, 4),
        "stage_microseconds_per_tweet": stage_microseconds(model.engine, model.batches[0], device),
    }
    if device == "cuda":
        figures["peak_memory_mb"] = round(model.peak_bytes / 1e6)
    return figures


def _processes(options: argparse.Namespace, paths: Mapping[str, Path], batch: TokenBatch) -> dict[str, Any] | None:
    """Return the tweets per second of several processes, all of them together; None for a single process."""
    if options.processes == 1:
        return None
    rates = {
        name: together(options.processes, path, options.device, options.pass_tokens, batch)
        for name, path in paths.items()
    }
    return {"number": options.processes, "tweets_per_second": rates}


if __name__ == "__main__":
    sys.exit(main())
