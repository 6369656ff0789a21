"""The CPU engine divides a batch into passes, runs them at the same time, and returns the logits in order."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.model_folders import write_word_folder
from worker.errors import ExitCode, FatalError
from worker.inference import engine_onnx
from worker.inference.cpus import usable_cpus
from worker.inference.engine_onnx import OnnxEngine
from worker.inference.token_batch import TokenBatch
from worker.process.metrics import Metrics

ROWS = [[2, *(4 + (row + step) % 6 for step in range(length)), 3] for row, length in enumerate([1, 9, 3, 5] * 6)]
TOKENS = TokenBatch.of(ROWS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_word_folder(tmp_path)


def _engine(path: Path, max_pass_tokens: int = 24, metrics: Metrics | None = None) -> OnnxEngine:
    return OnnxEngine(path, max_pass_tokens=max_pass_tokens, metrics=metrics or Metrics())


def test_a_token_batch_has_the_texts_one_after_another() -> None:
    tokens = TokenBatch.of([[2, 7, 3], [2, 3]])
    assert (tokens.ids.tolist(), tokens.lengths.tolist()) == ([2, 7, 3, 2, 3], [3, 2])
    assert tokens.ids.dtype == tokens.lengths.dtype == np.int32


@pytest.mark.parametrize("max_pass_tokens", [16, 40, 10_000])
def test_the_logits_are_those_of_each_text_alone_in_the_order_of_the_texts(path: Path, max_pass_tokens: int) -> None:
    engine = _engine(path, max_pass_tokens)
    alone = np.concatenate([engine.logits(TokenBatch.of([row])) for row in ROWS])
    assert np.array_equal(engine.logits(TOKENS), alone)
    assert len(np.unique(alone, axis=0)) > 3


def test_no_pass_exceeds_its_budget_and_each_is_measured(path: Path) -> None:
    metrics = Metrics()
    engine = _engine(path, metrics=metrics)
    shapes: list[tuple[int, ...]] = []
    run = engine._session.run

    class Watched:
        def run(self, outputs: Any, feed: Any) -> Any:
            shapes.append(feed["input_ids"].shape)
            return run(outputs, feed)

    engine._session = Watched()
    engine.logits(TOKENS)
    assert len(shapes) > 3
    assert all(rows * tokens <= 24 for rows, tokens in shapes)
    value = metrics.registry.get_sample_value
    assert value("emotion_pass_tokens_count", {"kind": "real"}) == len(shapes)
    assert value("emotion_pass_tokens_sum", {"kind": "real"}) == sum(map(len, ROWS))
    assert value("emotion_pass_tokens_sum", {"kind": "padded"}) == sum(rows * tokens for rows, tokens in shapes)


def test_as_many_passes_run_at_once_as_there_are_cpus(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_onnx, "usable_cpus", lambda: 3)
    engine = _engine(path)
    run = engine._session.run
    together = threading.Barrier(3, timeout=20)
    names: set[str] = set()

    class Meeting:
        def run(self, outputs: Any, feed: Any) -> Any:
            names.add(threading.current_thread().name)
            together.wait()  # raises BrokenBarrierError unless three passes are here
            return run(outputs, feed)

    engine._session = Meeting()
    engine.logits(TokenBatch.of([[2, 4, 3]] * 27))  # nine passes of three texts
    assert len(names) == 3


@pytest.mark.parametrize("texts", [2, 4, 16, 40])
def test_a_small_batch_leaves_no_cpu_without_a_pass_and_has_little_padding(
    path: Path, monkeypatch: pytest.MonkeyPatch, texts: int
) -> None:
    monkeypatch.setattr(engine_onnx, "usable_cpus", lambda: 2)
    metrics = Metrics()
    _engine(path, 10_000, metrics).logits(TokenBatch.of((ROWS * 2)[:texts]))
    value = metrics.registry.get_sample_value
    real, padded = (value("emotion_pass_tokens_sum", {"kind": kind}) or 0 for kind in ("real", "padded"))
    assert (value("emotion_pass_tokens_count", {"kind": "real"}) or 0) >= 2
    assert 0 < real <= padded <= 1.25 * real


def test_an_error_in_a_pass_is_raised_and_the_engine_goes_on(path: Path) -> None:
    engine = _engine(path)
    with pytest.raises(Exception, match="out of"):
        engine.logits(TokenBatch.of([*ROWS, [2, 1_000_000, 3]]))
    assert engine.logits(TOKENS).shape[0] == len(ROWS)


def _write_attention_graph(file: Path) -> None:
    """Write a graph with the fused attention of earlier releases."""
    random = np.random.default_rng(0)
    constants = {
        "table": random.standard_normal((20, 8)).astype(np.float32),
        "scale": np.float32(0.03),
        "zero": np.uint8(120),
        "weights": random.integers(-64, 65, (8, 24)).astype(np.int8),
        "weight_scale": np.full(24, 0.01, dtype=np.float32),
        "weight_zero": np.zeros(24, dtype=np.int8),
        "bias": np.zeros(24, dtype=np.float32),
        "first": np.array(0),
        "last": np.array([1]),
    }
    attention = ["uint8", "weights", "bias", "scale", "weight_scale", "lengths", "zero", "weight_zero"]
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["hidden"]),
        helper.make_node("QuantizeLinear", ["hidden", "scale", "zero"], ["uint8"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.INT32),
        helper.make_node("ReduceSum", ["mask", "last"], ["lengths"], keepdims=0),
        helper.make_node("QAttention", attention, ["mixed"], domain="com.microsoft", num_heads=2),
        helper.make_node("Gather", ["mixed", "first"], ["logits"], axis=1),
    ]
    shape = ["rows", "tokens"]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("input_ids", "attention_mask")]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["rows", 8])]
    tensors = [numpy_helper.from_array(np.asarray(values), name) for name, values in constants.items()]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    graph = helper.make_graph(nodes, "earlier", inputs, outputs, tensors)
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), file)


def test_graphs_of_earlier_releases_are_computed(path: Path) -> None:
    _write_attention_graph(path / "model.int8.onnx")
    engine = _engine(path, 40)
    alone = np.concatenate([engine.logits(TokenBatch.of([row])) for row in ROWS])
    assert engine.logits(TOKENS) == pytest.approx(alone, abs=1e-5)
    assert np.abs(alone).max() > 0.1


BROKEN = {
    "missing": {},
    "without its library": {"__init__.py": "raise ImportError('libonnxruntime.so: cannot open\\nshared object')"},
    "of another processor": {"__init__.py": "raise OSError('Illegal instruction')"},
    "without its content": {"__init__.py": ""},
}


@pytest.mark.parametrize("files", BROKEN.values(), ids=BROKEN)
def test_a_missing_or_broken_package_is_one_line_with_an_exit_code(
    path: Path, tmp_path: Path, files: dict[str, str]
) -> None:
    package = tmp_path / "packages" / "onnxruntime"
    package.mkdir(parents=True)
    for name, text in files.items():
        (package / name).write_text(text)
    program = f"""
import sys
sys.path.insert(0, {str(package.parent)!r})
if {not files}:
    sys.modules["onnxruntime"] = None
from worker.errors import FatalError
from worker.inference.classifier import load_classifier
from pathlib import Path
try:
    load_classifier(Path({str(path)!r}), device="cpu")
except FatalError as error:
    print(error)
    sys.exit(error.exit_code)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == ExitCode.SETTINGS, ended.stderr
    assert "the package onnxruntime cannot be imported" in ended.stdout
    assert ended.stdout.count("\n") == 1


def test_a_file_that_is_no_graph_is_one_line(path: Path) -> None:
    (path / "model.int8.onnx").write_bytes(b"no graph")
    with pytest.raises(FatalError, match=r"model\.int8\.onnx cannot be loaded") as caught:
        _engine(path)
    assert caught.value.exit_code is ExitCode.MODEL


@pytest.mark.parametrize(
    ("quota", "cpus"),
    [("100000 100000", 1), ("150000 100000", 2), ("5000 100000", 1), ("max 100000", 3), ("", 3), ("1 0", 3)],
)
def test_the_usable_cpus_are_those_of_affinity_and_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, cpus: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 5, 7}, raising=False)
    (tmp_path / "cpu.max").write_text(quota)
    assert usable_cpus(tmp_path / "cpu.max") == cpus
    assert usable_cpus(tmp_path / "absent") == 3
