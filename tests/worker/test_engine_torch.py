"""The torch engine: passes and their order, memory that is too small, and the neutral logit, which is the last one."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from transformers import pipeline

from tests.model_folders import sign
from tests.training.explained import LABELS, model_folder
from worker.errors import ExitCode, FatalError
from worker.inference.classifier import load_classifier
from worker.inference.engine_torch import PASS_TOKENS, TorchEngine
from worker.inference.token_batch import TokenBatch
from worker.inference.torch_model import torch_model
from worker.process.metrics import Metrics
from worker.settings import BUNDLED_MODEL

ROWS = [[3, 7, 9, 4], [3, 8, 4], [3], [3, 9, 9, 9, 8, 7, 6, 4], [3, 8, 4], [5, 4]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write a folder with a neutral output of random weights."""
    path = model_folder(tmp_path / "model", neutral={"scale": 1.0, "shift": 0.0})
    golden = (path / "golden.json").read_text().replace('"scores"', '"neutral": 0.5, "scores"')
    (path / "golden.json").write_text(golden)
    weights = load_file(path / "model.safetensors")
    weights |= {"neutral.weight": torch.full((1, 32), 0.25), "neutral.bias": torch.tensor([2.0])}
    save_file(weights, path / "model.safetensors", {"format": "pt"})
    sign(path)
    return path


def engine(path: Path, *, max_pass_tokens: int | None = None, with_neutral: bool = False) -> TorchEngine:
    return TorchEngine(path, "cpu", max_pass_tokens=max_pass_tokens, metrics=Metrics(), with_neutral=with_neutral)


def expected(path: Path, rows: list[list[int]], *, with_neutral: bool = False) -> NDArray[np.float32]:
    """Return the logits of transformers' own forward in fp32, each text alone."""
    model = torch_model(path, dtype=torch.float32, with_neutral=with_neutral)
    with torch.inference_mode():
        return np.concatenate([model(input_ids=torch.tensor([row])).logits.numpy() for row in rows])


class FullMemory:
    """A forward whose GPU holds at most `tokens` tokens, and which records the texts of each pass."""

    def __init__(self, forward: Any, tokens: int) -> None:
        self.rows, self.texts, self.tokens = forward.rows, forward.texts, forward.tokens
        self.passes: list[list[int]] = []
        self._forward, self._holds = forward, tokens

    def __call__(self, ids: NDArray[np.int32], lengths: NDArray[np.int32]) -> torch.Tensor:
        self.passes.append(lengths.tolist())
        if self.tokens(lengths) > self._holds:
            raise torch.OutOfMemoryError("CUDA out of memory")
        logits: torch.Tensor = self._forward(ids, lengths)
        return logits


def filled(engine: TorchEngine, tokens: int) -> FullMemory:
    memory = FullMemory(engine._forward, tokens)
    engine._forward = memory
    return memory


@pytest.mark.parametrize("with_neutral", [False, True])
@pytest.mark.parametrize("max_pass_tokens", [1, 8, 16, None])
def test_each_text_gets_the_logits_that_it_gets_alone(
    path: Path, max_pass_tokens: int | None, with_neutral: bool
) -> None:
    served = engine(path, max_pass_tokens=max_pass_tokens, with_neutral=with_neutral)
    for rows in (ROWS, ROWS[::-1], ROWS[2:3], ROWS * 7):
        logits = served.logits(TokenBatch.of(rows))
        assert logits.dtype == np.float32
        assert logits == pytest.approx(expected(path, rows, with_neutral=with_neutral), abs=1e-5)


@pytest.mark.parametrize("max_pass_tokens", [8, 16])
def test_no_pass_has_more_tokens_than_allowed_except_a_single_long_text(path: Path, max_pass_tokens: int) -> None:
    served = engine(path, max_pass_tokens=max_pass_tokens)
    passes = filled(served, 10_000)
    served.logits(TokenBatch.of([*ROWS, [3] * 20]))
    assert passes.passes[0] == [20]
    assert all(passes.tokens(np.array(lengths)) <= max_pass_tokens for lengths in passes.passes[1:])
    assert sum(map(len, passes.passes)) == len(ROWS) + 1


def test_without_a_size_of_pass_the_engine_takes_its_own(path: Path) -> None:
    served = engine(path, max_pass_tokens=None)
    passes = filled(served, 10_000)
    served.logits(TokenBatch.of([[3] * 8] * (PASS_TOKENS["cpu"] // 8 + 1)))
    assert [len(lengths) for lengths in passes.passes] == [PASS_TOKENS["cpu"] // 8, 1]


def test_the_tokens_of_each_pass_are_measured(path: Path) -> None:
    metrics = Metrics()
    served = TorchEngine(path, "cpu", max_pass_tokens=8, metrics=metrics)
    passes = filled(served, 10_000)
    served.logits(TokenBatch.of(ROWS))
    value = metrics.registry.get_sample_value
    assert value("emotion_pass_tokens_sum", {"kind": "real"}) == sum(map(len, ROWS))
    padded = sum(passes.tokens(np.array(lengths)) for lengths in passes.passes)
    assert value("emotion_pass_tokens_sum", {"kind": "padded"}) == padded
    assert value("emotion_pass_tokens_count", {"kind": "padded"}) == len(passes.passes)


def test_no_texts_have_no_logits(path: Path) -> None:
    assert engine(path, with_neutral=True).logits(TokenBatch.of([])).shape == (0, len(LABELS) + 1)


def test_a_text_without_a_token_is_refused_alone_and_among_others(path: Path) -> None:
    batches: list[list[list[int]]] = [[[]], [[3, 4], [], [3, 4]]]
    for rows in batches:
        with pytest.raises(ValueError, match="no token"):
            engine(path).logits(TokenBatch.of(rows))


@pytest.mark.parametrize("token", [-1, 10_000])
def test_a_token_that_the_model_does_not_know_is_refused_before_the_pass(path: Path, token: int) -> None:
    served = engine(path)
    passes = filled(served, 10_000)
    with pytest.raises(IndexError, match="token id"):
        served.logits(TokenBatch.of([[3, token, 4]]))
    assert passes.passes == []


def test_a_pass_that_does_not_fit_into_the_memory_is_halved_and_the_batch_is_completed(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = engine(path, max_pass_tokens=1000)
    rows = [[3, number, 9, 4] for number in range(5, 37)]
    memory = filled(served, 40)
    with caplog.at_level(logging.WARNING):
        logits = served.logits(TokenBatch.of(rows))
    assert logits == pytest.approx(expected(path, rows), abs=1e-5)
    assert [len(lengths) for lengths in memory.passes] == [32, 16, 8, 8, 8, 8]
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "the GPU's memory does not hold a pass of 128 tokens",
        "the GPU's memory does not hold a pass of 64 tokens",
    ]


def test_the_size_of_pass_that_fits_is_remembered(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    served, batch = engine(path, max_pass_tokens=1000), TokenBatch.of([[3, 9, 9, 4]] * 32)
    memory = filled(served, 40)
    served.logits(batch)
    memory.passes.clear()
    caplog.clear()
    served.logits(batch)
    assert [len(lengths) for lengths in memory.passes] == [8] * 4
    assert caplog.records == []


def test_a_failed_pass_is_not_measured(path: Path) -> None:
    metrics = Metrics()
    served = TorchEngine(path, "cpu", max_pass_tokens=1000, metrics=metrics)
    filled(served, 40)
    served.logits(TokenBatch.of([[3, 9, 9, 4]] * 32))
    assert metrics.registry.get_sample_value("emotion_pass_tokens_sum", {"kind": "real"}) == 128
    assert metrics.registry.get_sample_value("emotion_pass_tokens_count", {"kind": "real"}) == 4


def test_a_single_text_that_does_not_fit_into_the_memory_is_an_error(path: Path) -> None:
    served = engine(path, max_pass_tokens=1000)
    filled(served, 10)
    with pytest.raises(torch.OutOfMemoryError):
        served.logits(TokenBatch.of([[3] * 11, [3, 4]]))


def test_other_errors_of_a_pass_are_not_taken_for_a_full_memory(path: Path) -> None:
    served = engine(path)
    memory = filled(served, 1000)

    def broken(*_: Any) -> torch.Tensor:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    memory._forward = broken
    with pytest.raises(RuntimeError, match="illegal memory access"):
        served.logits(TokenBatch.of(ROWS))
    assert len(memory.passes) == 1


def test_the_neutral_logit_is_the_last_one_and_the_others_do_not_change(path: Path) -> None:
    plain = engine(path).logits(TokenBatch.of(ROWS))
    logits = engine(path, with_neutral=True).logits(TokenBatch.of(ROWS))
    assert plain.shape == (len(ROWS), len(LABELS))
    assert logits.shape == (len(ROWS), len(LABELS) + 1)
    assert logits[:, :-1] == pytest.approx(plain, abs=1e-6)


def test_the_neutral_logit_is_computed_from_the_pooled_vector_of_the_classifier(path: Path) -> None:
    model = torch_model(path, dtype=torch.float32)
    pooled: list[torch.Tensor] = []
    model.classifier.register_forward_pre_hook(lambda _, inputs: pooled.append(inputs[0]))
    model(input_ids=torch.tensor(ROWS[:1]))
    expected = (pooled[0] * 0.25).sum(dim=1) + 2.0
    logits = engine(path, with_neutral=True).logits(TokenBatch.of(ROWS[:1]))
    assert logits[:, -1] == pytest.approx(expected.detach().numpy(), abs=1e-5)


def test_loading_a_folder_with_the_output_warns_of_nothing(
    path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.WARNING):
        classifier = load_classifier(path, device="cpu", engine="torch")
    (prediction,) = classifier.classify(["so glad"])
    assert prediction.neutral is not None
    captured = capfd.readouterr()
    assert "neutral" not in captured.out + captured.err + caplog.text


def test_the_folder_opens_in_a_plain_pipeline_with_the_scores_of_the_labels(path: Path) -> None:
    opened: Any = pipeline("text-classification", model=str(path), top_k=None)
    assert {row["label"] for row in opened(["so glad"])[0]} == set(LABELS)


def test_weights_without_the_neutral_tensors_are_refused_in_one_line(tmp_path: Path) -> None:
    path = model_folder(tmp_path / "model", neutral={"scale": 1.0, "shift": 0.0})
    with pytest.raises(FatalError) as caught:
        engine(path, with_neutral=True)
    assert caught.value.exit_code is ExitCode.MODEL
    assert "model.safetensors lacks neutral.weight or neutral.bias" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["PaddedForward.__call__", "PackedDistilBert.__call__"])
def test_a_gpu_without_room_for_the_model_is_refused_in_one_line(
    path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 46.00 MiB.\nGPU 0 has 3.00 MiB free.")

    monkeypatch.setattr(f"worker.inference.self_test.{name}", full)
    with pytest.raises(FatalError) as caught:
        engine(path)
    assert caught.value.exit_code is ExitCode.SETTINGS
    assert "the GPU's memory does not hold the model" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.gpu
def test_a_full_memory_of_a_gpu_halves_the_passes() -> None:
    served = TorchEngine(BUNDLED_MODEL, "cuda", max_pass_tokens=None, metrics=Metrics())
    batch = TokenBatch.of([[2, *range(1000 + text % 50, 1020 + text % 50), 3] for text in range(4_000)])
    expected = served.logits(batch)
    torch.cuda.empty_cache()
    room = torch.cuda.memory_reserved() + 64e6  # the activations of a pass of 32,768 tokens need more
    torch.cuda.set_per_process_memory_fraction(room / torch.cuda.get_device_properties(0).total_memory)
    try:
        logits = served.logits(batch)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert served._max_pass_tokens < PASS_TOKENS["cuda"]
    assert np.abs(logits - expected).max() <= 0.05 * np.abs(expected).max()
