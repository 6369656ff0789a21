"""The torch engine: the neutral logit is the last one, and a plain transformers pipeline still has the labels alone."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import pipeline

from tests.model_folders import sign
from tests.training.explained import LABELS, model_folder
from worker.errors import ExitCode, FatalError
from worker.inference.classifier import load_classifier
from worker.inference.engine_torch import TorchEngine
from worker.inference.token_batch import TokenBatch
from worker.process.metrics import Metrics

TOKENS = TokenBatch.of([[3, 7, 9, 4], [3, 8, 4]])


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


def _engine(path: Path, *, with_neutral: bool = False) -> TorchEngine:
    return TorchEngine(path, "cpu", max_pass_tokens=64, metrics=Metrics(), with_neutral=with_neutral)


def test_the_neutral_logit_is_the_last_one_and_the_others_do_not_change(path: Path) -> None:
    plain = _engine(path).logits(TOKENS)
    logits = _engine(path, with_neutral=True).logits(TOKENS)
    assert plain.shape == (2, len(LABELS))
    assert logits.shape == (2, len(LABELS) + 1)
    assert logits[:, :-1] == pytest.approx(plain, abs=1e-6)


def test_the_neutral_logit_is_computed_from_the_pooled_vector_of_the_classifier(path: Path) -> None:
    engine = _engine(path, with_neutral=True)
    pooled: list[torch.Tensor] = []
    engine._model.classifier.register_forward_pre_hook(lambda _, inputs: pooled.append(inputs[0]))
    logits = engine.logits(TOKENS)
    expected = (pooled[0] * 0.25).sum(dim=1) + 2.0
    assert logits[:, -1] == pytest.approx(expected.numpy(), abs=1e-5)


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
        _engine(path, with_neutral=True)
    assert caught.value.exit_code is ExitCode.MODEL
    assert "model.safetensors lacks neutral.weight or neutral.bias" in str(caught.value)
    assert "\n" not in str(caught.value)
