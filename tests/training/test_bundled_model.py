"""The bundled model: scores, golden texts, and the same results alone, in batches, on CPU and GPU."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.export.golden import sample_texts
from training.export.robustness import robustness
from tweets.datasets import SAMPLE, SAMPLE_DEV
from tweets.emotions import EMOTIONS
from worker.inference.classifier import load_classifier

MODEL = Path(__file__).parents[2] / "worker" / "model"
MB = 1_000_000


def test_it_is_complete_and_small_enough_for_a_checkout() -> None:
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=MODEL, check=True, capture_output=True)
    sizes = [path.stat().st_size for path in MODEL.iterdir()]
    assert max(sizes) < 50 * MB
    assert sum(sizes) < 58 * MB


@pytest.fixture(scope="module")
def metrics() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((MODEL / "metrics.json").read_text(encoding="utf-8"))
    return found


def test_its_scores_are_above_the_required_ones(metrics: dict[str, Any]) -> None:
    validation, test = metrics["scores"]["validation"], metrics["scores"]["test"]["int8"]
    assert validation["int8"]["accuracy"] >= 0.940
    assert validation["label_agreement"] >= 0.995
    assert test["accuracy"] >= 0.929
    assert test["macro_f1"] >= 0.890
    assert test["ece"] <= 0.02


def test_its_scores_on_raw_tweets_are_above_the_required_ones(metrics: dict[str, Any]) -> None:
    accuracy = {name: one["with_normalizer"]["accuracy"] for name, one in metrics["robustness"].items()}
    assert accuracy["test"] - accuracy["shifted test"] <= 0.02
    tweets, development = (metrics["sets"][name]["int8"] for name in (SAMPLE, SAMPLE_DEV))
    assert tweets["accuracy"] >= 0.75
    assert tweets["macro_f1"] >= 0.75
    assert tweets["ece_less_chance"] <= 0.03
    assert development["accuracy"] >= 0.80
    comments = metrics["sets"]["goemotions-test, same names"]["int8"]
    assert comments["accuracy"] >= 0.82
    assert comments["macro_f1"] >= 0.80


def test_it_finds_neutral_texts_and_loses_few_others(metrics: dict[str, Any]) -> None:
    comments = metrics["sets"]["goemotions-test, same names"]["int8"]["neutral"]
    assert comments["area_under_roc"] >= 0.9
    assert comments["found"] >= 0.45
    assert metrics["sets"][SAMPLE]["int8"]["neutral"]["lost"] <= 0.1
    assert metrics["scores"]["test"]["int8"]["neutral"]["lost"] <= 0.01


@pytest.mark.parametrize("sample", [SAMPLE, SAMPLE_DEV])
def test_its_score_on_a_sample_is_the_one_in_its_metrics(metrics: dict[str, Any], sample: str) -> None:
    """On any processor: the integer arithmetic is the same everywhere."""
    found = robustness(MODEL, None)[sample]["with_normalizer"]
    assert found["accuracy"] == pytest.approx(metrics["robustness"][sample]["with_normalizer"]["accuracy"], abs=0.006)


def test_a_tweet_has_the_same_scores_alone_and_among_others() -> None:
    classifier = load_classifier(MODEL, device="cpu", engine="onnx")
    texts = sample_texts()[:60]
    together = classifier.scores(texts)
    alone = np.concatenate([classifier.scores([text]) for text in texts])
    assert (together.argmax(axis=1) == alone.argmax(axis=1)).all()
    assert np.abs(together - alone).max() < 1e-3


def test_both_engines_accept_the_golden_texts() -> None:
    for engine in ("onnx", "torch"):
        assert load_classifier(MODEL, device="cpu", engine=engine).labels == EMOTIONS


def test_it_opens_in_a_plain_pipeline() -> None:
    from transformers import pipeline

    classify = pipeline("text-classification", model=str(MODEL), device=-1)
    (found,) = classify("i feel so happy and grateful today")
    assert found["label"] == "joy"


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("i feel so happy today", "joy"),
        ("I'm feeling terrified!!", "fear"),
        ("i feel so furious about it", "anger"),
        ("feeling lonely and sad :(", "sadness"),
    ],
)
def test_simple_texts_get_the_right_label(text: str, emotion: str) -> None:
    (prediction,) = load_classifier(MODEL, device="cpu", engine="onnx").classify([text])
    assert prediction.emotion == emotion


@pytest.mark.gpu
def test_a_gpu_labels_as_the_cpu_does() -> None:
    texts = sample_texts()
    on_gpu = load_classifier(MODEL, device="cuda").scores(texts)
    on_cpu = load_classifier(MODEL, device="cpu", engine="torch").scores(texts)
    assert (on_gpu.argmax(axis=1) == on_cpu.argmax(axis=1)).mean() >= 0.99
    assert np.abs(on_gpu - on_cpu).mean() <= 0.02


@pytest.mark.gpu
def test_a_gpu_gives_a_text_the_same_scores_alone_and_in_any_batch_but_for_rounding() -> None:
    texts = sample_texts()[:100]
    classifier = load_classifier(MODEL, device="cuda")
    together = classifier.scores(texts)
    backwards = classifier.scores(texts[::-1])[::-1]
    alone = np.concatenate([classifier.scores([text]) for text in texts])
    for scores in (backwards, alone):
        assert np.abs(scores - together).max() <= 0.02
        assert (scores.argmax(axis=1) == together.argmax(axis=1)).mean() >= 0.99
