"""At its start, the torch engine chooses packed rows only where their scores are those of full precision."""

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from tests.model_folders import sign
from tests.training.explained import model_folder
from tests.training.moods import word_pieces
from worker.inference.classifier import load_classifier
from worker.inference.engine_torch import TorchEngine
from worker.inference.packed_distilbert import PackedDistilBert, Texts, attention_of_runs, varlen_attention
from worker.inference.self_test import packed_or_padded
from worker.inference.token_batch import TokenBatch
from worker.inference.torch_forward import PaddedForward
from worker.inference.torch_model import torch_model
from worker.process.metrics import Metrics
from worker.settings import BUNDLED_MODEL

ROWS = [[3, 7, 9, 4], [3, 8, 4], [3, 9, 9, 9, 8, 7, 6, 4], [3, 8, 4]]
TEXTS = ("so glad", "low", "cross about the rain", "so so so so glad and low")


def folder(path: Path) -> Path:
    """Write a folder of random weights, with golden texts of several lengths."""
    path = model_folder(path)
    golden = json.loads((path / "golden.json").read_text())
    texts = [{**golden["texts"][0], "text": text} for text in TEXTS]
    (path / "golden.json").write_text(json.dumps({"tolerance": 1.0, "texts": texts}))
    sign(path)
    return path


def bert_folder(path: Path) -> Path:
    """Write the folder of a model of another type."""
    path = folder(path)
    config: Any = BertConfig
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    vocabulary = word_pieces().get_vocab_size()
    model: Any = BertForSequenceClassification(config(vocab_size=vocabulary, num_labels=3, pad_token_id=0, **sizes))
    served = json.loads((path / "config.json").read_text())
    model.save_pretrained(path)
    names = ("model_id", "normalizer", "temperature", "max_tokens", "id2label")
    written = json.loads((path / "config.json").read_text()) | {name: served[name] for name in names}
    (path / "config.json").write_text(json.dumps(written))
    sign(path)
    return path


def engine(path: Path) -> TorchEngine:
    return TorchEngine(path, "cpu", max_pass_tokens=None, metrics=Metrics())


def assert_right(engine: TorchEngine, path: Path) -> None:
    """Compare the logits with those of transformers' own forward, each text alone."""
    model = torch_model(path, dtype=torch.float32)
    with torch.inference_mode():
        expected = np.concatenate([model(input_ids=torch.tensor([row])).logits.numpy() for row in ROWS])
    assert engine.logits(TokenBatch.of(ROWS)) == pytest.approx(expected, abs=1e-5)


def line(caplog: pytest.LogCaptureFixture) -> str:
    (record,) = [record for record in caplog.records if record.name == "worker.inference.self_test"]
    message = record.getMessage()
    assert "\n" not in message
    return message


def test_a_distilbert_whose_packed_scores_are_right_runs_on_packed_rows(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = folder(tmp_path / "model")
    with caplog.at_level(logging.INFO):
        served = engine(path)
    assert isinstance(served._forward, PackedDistilBert)
    chosen, _, why = line(caplog).partition(": ")
    assert chosen == "the model runs on packed rows"
    assert why == "logits differ by at most 0.000% of the largest from those in fp32, 0.01% allowed"
    assert_right(served, path)


def neighbours(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, texts: Texts) -> torch.Tensor:
    """Let each text attend to all texts."""
    query, key, value = (part.transpose(0, 1) for part in (query, key, value))
    return torch.nn.functional.scaled_dot_product_attention(query, key, value).transpose(0, 1)


def no_numbers(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, texts: Texts) -> torch.Tensor:
    return torch.full_like(query, torch.nan)


def unscaled(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, texts: Texts) -> torch.Tensor:
    return attention_of_runs(query * query.shape[-1] ** 0.5, key, value, texts)


def old_gpu(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, texts: Texts) -> torch.Tensor:
    raise RuntimeError("FlashAttention only supports\nAmpere GPUs or newer.")


@pytest.mark.parametrize("attention", [neighbours, no_numbers, unscaled])
def test_packed_rows_with_wrong_scores_are_not_used(
    tmp_path: Path,
    attention: Callable[..., torch.Tensor],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("worker.inference.self_test.attention_of_runs", attention)
    path = folder(tmp_path / "model")
    with caplog.at_level(logging.INFO):
        served = engine(path)
    assert isinstance(served._forward, PaddedForward)
    assert line(caplog).startswith("the model runs on padded rows: logits differ by at most ")
    assert_right(served, path)


def test_an_attention_that_this_gpu_does_not_support_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("worker.inference.self_test.attention_of_runs", old_gpu)
    path = folder(tmp_path / "model")
    with caplog.at_level(logging.INFO):
        served = engine(path)
    assert line(caplog) == (
        "the model runs on padded rows: packed rows do not work: FlashAttention only supports Ampere GPUs or newer."
    )
    assert_right(served, path)


def test_a_version_of_torch_without_the_attention_runs_on_padded_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "torch.nn.attention.varlen", None)  # an import of it fails
    monkeypatch.setattr("worker.inference.self_test._attention", lambda _: varlen_attention())
    path = folder(tmp_path / "model")
    with caplog.at_level(logging.INFO):
        served = engine(path)
    assert line(caplog).startswith("the model runs on padded rows: packed rows do not work: import of torch.nn.")
    assert_right(served, path)


def test_a_model_of_another_type_runs_on_padded_rows(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = bert_folder(tmp_path / "model")
    with caplog.at_level(logging.INFO):
        served = engine(path)
    assert line(caplog) == "the model runs on padded rows: packed rows do not work: the model type is bert"
    assert_right(served, path)


def test_a_padded_model_is_served_by_the_classifier(tmp_path: Path) -> None:
    path = bert_folder(tmp_path / "model")
    classifier = load_classifier(path, device="cpu", engine="torch")
    together = classifier.classify(TEXTS)
    for text, prediction in zip(TEXTS, together, strict=True):
        (alone,) = classifier.classify([text])
        assert alone.scores == pytest.approx(prediction.scores, abs=1e-5)


@pytest.mark.parametrize("attention", [neighbours, unscaled])
def test_wrong_attention_is_found_in_the_bundled_model_in_bfloat16_whose_scores_are_close_to_0_and_1(
    attention: Callable[..., torch.Tensor], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    right = packed_or_padded(torch_model(BUNDLED_MODEL, dtype=torch.float32), torch.bfloat16, BUNDLED_MODEL)
    assert right.rows == "packed"
    monkeypatch.setattr("worker.inference.self_test.attention_of_runs", attention)
    with caplog.at_level(logging.INFO):
        found = packed_or_padded(torch_model(BUNDLED_MODEL, dtype=torch.float32), torch.bfloat16, BUNDLED_MODEL)
    assert found.rows == "padded"
    assert line(caplog).startswith("the model runs on padded rows: logits differ")


@pytest.mark.gpu
def test_a_gpu_with_the_attention_runs_the_bundled_model_on_packed_rows(caplog: pytest.LogCaptureFixture) -> None:
    if torch.cuda.get_device_capability() < (8, 0):
        pytest.skip("the attention of torch for packed rows needs compute capability 8.0")
    with caplog.at_level(logging.INFO):
        TorchEngine(BUNDLED_MODEL, "cuda", max_pass_tokens=None, metrics=Metrics())
    assert line(caplog).startswith("the model runs on packed rows: ")
