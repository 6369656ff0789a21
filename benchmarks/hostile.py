"""Milliseconds and megabytes that hostile texts of 10,000 characters cost in the normaliser and the tokenizer.

    python -m benchmarks.hostile

Each text of `benchmarks/hostile_texts.py` is normalised and tokenised alone, as the worker and the live page do
this; the best of several runs counts. Then two batches of 512 texts are normalised, tokenised and classified: all
texts in turn, and 512 times the text that takes longest. The last line on stdout is one JSON object. Its field `holds`,
and exit code 0, mean: no text took over LIMIT_MS, no batch over LIMIT_BATCH_S, and the process stayed below LIMIT_MB.
"""

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from typing import Final

from benchmarks.hostile_texts import hostile_texts
from worker.inference.classifier import load_classifier
from worker.inference.model_folder import open_model_folder
from worker.inference.tokens import TextTokenizer
from worker.process.option_types import positive
from worker.settings import load_settings

#: A text that takes longer delays every text behind it.
LIMIT_MS: Final = 100.0

#: A batch of the worst texts may delay the tweets behind the batch by this, far below Kafka's `max.poll.interval.ms`.
LIMIT_BATCH_S: Final = 10.0

#: As for a worker in `benchmarks/memory.py`.
LIMIT_MB: Final = 400.0

#: As a worker's batch before it has measured its speed; 4 MiB of bytes close a batch of such texts earlier.
BATCH_TEXTS: Final = 512


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 0 if everything holds, else 1."""
    options = _options(arguments)
    settings = load_settings()
    texts = hostile_texts()
    tokenizer = TextTokenizer(open_model_folder(settings.model_path))
    tokenizer.token_batch(["warm up"])
    taken_ms = {name: _best_ms(tokenizer.token_batch, text, options.runs) for name, text in texts.items()}
    for name, milliseconds in sorted(taken_ms.items(), key=lambda each: -each[1]):
        print(f"{milliseconds:8.2f} ms  {name}", file=sys.stderr)
    worst = max(taken_ms, key=lambda name: taken_ms[name])
    in_turn = list(islice(cycle(texts.values()), BATCH_TEXTS))
    tokenized_s = _seconds(tokenizer.token_batch, in_turn)
    classify = load_classifier(
        settings.model_path, device=settings.device, max_tokens=settings.batch_max_tokens
    ).classify
    batch_s = _seconds(classify, in_turn)
    costliest = max(texts, key=lambda name: _best_ms(classify, texts[name], options.runs))
    costliest_batch_s = _seconds(classify, [texts[costliest]] * BATCH_TEXTS)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    result = {
        "texts": len(texts),
        "worst": worst,
        "worst_ms": round(taken_ms[worst], 2),
        "limit_ms": LIMIT_MS,
        "batch_texts": BATCH_TEXTS,
        "batch_tokenize_seconds": round(tokenized_s, 2),
        "batch_classify_seconds": round(batch_s, 2),
        "costliest": costliest,
        "costliest_batch_classify_seconds": round(costliest_batch_s, 2),
        "limit_batch_seconds": LIMIT_BATCH_S,
        "peak_mb": round(peak_mb, 1),
        "limit_mb": LIMIT_MB,
        "cores": os.cpu_count(),
        "holds": taken_ms[worst] <= LIMIT_MS
        and max(batch_s, costliest_batch_s) <= LIMIT_BATCH_S
        and peak_mb < LIMIT_MB,
    }
    print(json.dumps(result), flush=True)
    return 0 if result["holds"] else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--runs", type=positive, default=3, help="runs of each text (%(default)s)")
    return parser.parse_args(arguments)


def _best_ms(read: Callable[[Sequence[str]], object], text: str, runs: int) -> float:
    return 1000 * min(_seconds(read, [text]) for _ in range(runs))


def _seconds(read: Callable[[Sequence[str]], object], texts: Sequence[str]) -> float:
    started_s = time.perf_counter()
    read(texts)
    return time.perf_counter() - started_s


if __name__ == "__main__":
    sys.exit(main())
