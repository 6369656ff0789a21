"""What the registry holds beside what the worker counts."""

import sys

from prometheus_client import generate_latest

from tweets.emotions import EMOTIONS
from worker.process.metrics import Metrics


def samples(metrics: Metrics) -> set[str]:
    """Names and labels of all samples."""
    lines = generate_latest(metrics.registry).decode().splitlines()
    return {line.rpartition(" ")[0] for line in lines if not line.startswith("#")}


def test_memory_and_processor_time_are_exported_where_the_system_has_them() -> None:
    shown = samples(Metrics())
    process = {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_start_time_seconds"}
    assert process & shown == (process if sys.platform == "linux" else set())
    assert any(sample.startswith("python_info{") for sample in shown)


def test_every_pair_of_emotions_exists_from_the_start() -> None:
    metrics = Metrics()
    metrics.show_zeros(EMOTIONS)
    pairs = [sample for sample in samples(metrics) if sample.startswith("emotion_confusion_total{")]
    assert len(pairs) == len(EMOTIONS) ** 2
