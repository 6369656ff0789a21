"""The worker with parts that exist for measurements only, for this checkout and for earlier ones.

    python benchmarks/worker_program.py --engine instant --delivery at-least-once

The folder of the checkout must be first in PYTHONPATH. `--engine instant` answers at once, with the cost of everything
around the model left: what a worker on a GPU could reach. `--delivery at-least-once` publishes without a transaction
and commits the offsets afterwards. `--fine-latency` gives emotion_end_to_end_seconds narrow buckets.
"""

import argparse
import dataclasses
import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata
from numpy.typing import NDArray

#: Steps of 5 ms up to the highest latency that a limit is set for, then wider.
FINE_BUCKETS: Final = (
    *(step / 1000 for step in range(5, 400, 5)),
    *(step / 100 for step in range(40, 100, 5)),
    *(1.0, 1.25, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10, 20, 60),
)  # fmt: skip


class InstantEngine:
    """Logits that depend on the length of a text only, from a table: an engine of any speed."""

    name = "instant"
    device = "cpu"

    def __init__(self, path: Path, *_: Any, **__: Any) -> None:
        from worker.inference.model_folder import open_model_folder

        folder = open_model_folder(path)
        outputs = len(folder.labels) + (folder.neutral is not None)
        self._table = np.random.default_rng(13).normal(size=(64, outputs)).astype(np.float32)

    def logits(self, tokens: Any) -> NDArray[np.float32]:
        """Return logits [texts, outputs] for a TokenBatch."""
        rows: NDArray[np.float32] = self._table[tokens.lengths % len(self._table)]
        return rows

    def forward(self, input_ids: NDArray[np.int64], attention_mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return logits [rows, outputs]: earlier workers call their engine so."""
        del input_ids
        rows: NDArray[np.float32] = self._table[attention_mask.sum(axis=1) % len(self._table)]
        return rows


def use_instant_engine() -> None:
    """Replace the CPU engine, and the check of the golden scores, which random logits do not pass."""
    engine_onnx, classifier = _module("worker.inference.engine_onnx"), _module("worker.inference.classifier")
    engine_onnx.OnnxEngine = InstantEngine
    classifier.Classifier.probe = lambda _: None


def use_at_least_once() -> None:
    """Replace the transactions of the stream: records are acknowledged first, then the consumer commits the offsets."""
    producer, stream = _module("worker.kafka.producer"), _module("worker.kafka.stream")
    for name in ("KafkaProducer", "BatchProducer"):  # the first in earlier workers
        if hasattr(producer, name):
            setattr(producer, name, _without_transactions(getattr(producer, name)))

    class PlainProducer(producer.ResultProducer):  # type: ignore[misc,name-defined]
        def begin(self) -> None: ...

        def commit(self, offsets: Mapping[Any, Any], membership: Any) -> None: ...

        def commit_records(self) -> None: ...

        def abort(self, *_: Any) -> None: ...

    class AtLeastOnceStream(stream.KafkaStream):  # type: ignore[misc,name-defined]
        def commit(self, offsets: Mapping[Any, Any], membership: Any) -> None:
            super().commit(offsets, membership)
            self._consumer._consumer.commit(
                {TopicPartition(*p): OffsetAndMetadata(at.offset, at.metadata or "") for p, at in offsets.items()}
            )

    stream.ResultProducer, stream.KafkaStream = PlainProducer, AtLeastOnceStream


def _without_transactions(kind: Any) -> Any:
    class Plain(kind):  # type: ignore[misc]
        def __init__(self, **arguments: Any) -> None:
            for name in ("transactional_id", "transaction_timeout_ms"):
                arguments.pop(name, None)
            super().__init__(**arguments)

        def init_transactions(self) -> None: ...

    return Plain


def _module(name: str) -> Any:
    """Import a module of the checkout, whose version is not known here."""
    return importlib.import_module(name)


def use_fine_latency() -> None:
    """Give the histogram of the latency the buckets FINE_BUCKETS."""
    from worker.process.metrics import Metrics

    Metrics.end_to_end_seconds = dataclasses.replace(Metrics.end_to_end_seconds, buckets=FINE_BUCKETS)


def main() -> int:
    """Run the worker until SIGTERM; return its exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--engine", choices=["real", "instant"], default="real")
    parser.add_argument("--delivery", choices=["exactly-once", "at-least-once"], default="exactly-once")
    parser.add_argument("--fine-latency", action="store_true")
    options = parser.parse_args()
    if options.engine == "instant":
        use_instant_engine()
    if options.delivery == "at-least-once":
        use_at_least_once()
    if options.fine_latency:
        use_fine_latency()
    from worker.__main__ import main as worker

    return worker([])


if __name__ == "__main__":
    sys.exit(main())
