"""The model card: the model folder's README, every figure in it taken from what was measured."""

from collections.abc import Sequence
from typing import Any

from training.export.card_origin import data, is_emotion, origin
from training.export.card_scores import class_table, quantization, robustness, score_table, seeds
from training.export.markdown import bullets


def model_card(metrics: dict[str, Any], labels: Sequence[str]) -> str:
    """Return the card as Markdown."""
    sections = (
        f"# {metrics['model_id']}",
        _summary(metrics, labels),
        "## Intended use and limits",
        _limits(metrics),
        "## What it was trained on",
        origin(metrics),
        "## Scores",
        score_table(metrics),
        *class_table(metrics),
        *robustness(metrics),
        *seeds(metrics),
        "## Looks at the test split",
        _looks(metrics),
        "## Quantisation",
        quantization(metrics),
        "## Licence",
        _licence(metrics),
        "## Files",
        _files(metrics),
    )
    return "\n\n".join(sections) + "\n"


def _summary(metrics: dict[str, Any], labels: Sequence[str]) -> str:
    texts = "English tweets" if is_emotion(metrics) else "texts"
    return f"Classifies {texts} as one of: {', '.join(labels)}."


def _limits(metrics: dict[str, Any]) -> str:
    ours = is_emotion(metrics)
    noisy = "The labels of the training data come from hashtags and are noisy; irony," if ours else "Irony,"
    languages = "languages other than English" if ours else "languages other than that of the training data"
    return (
        f"For counting and watching the mood of many tweets, not for decisions about single people. {noisy} mixed "
        f"feelings and {languages} are often misread, and every text gets one of the labels, a neutral one too. "
        "Confidence is a calibrated probability only for texts like the training data."
    )


def _looks(metrics: dict[str, Any]) -> str:
    looks = ["Recipe, epoch and temperature were chosen on validation. The scores above were measured at export."]
    return bullets([*looks, *metrics.get("notes", [])])


def _licence(metrics: dict[str, Any]) -> str:
    return (
        f"The weights were trained on {data(metrics)}. Code and base are Apache-2.0; whether and how the weights may "
        "be used follows from the data's terms."
    )


def _files(metrics: dict[str, Any]) -> str:
    described = {
        "config.json": "labels, temperature, normaliser, and what `transformers` needs",
        "tokenizer.json": "the tokenizer",
        "tokenizer_config.json": "how `transformers` opens it",
        "model.safetensors": "fp16 weights, for torch",
        "model.int8.onnx": "int8 weights with fixed activation scales, for ONNX Runtime",
        "golden.json": "a few scores that a worker checks before it serves",
    }
    lines = [f"`{name}` ({metrics['bytes'][name] / 1e6:.1f} MB): {what}" for name, what in described.items()]
    lines += ["`metrics.json`: everything that was measured, and how the model was made"]
    lines += ["`SHA256SUMS`: `sha256sum -c SHA256SUMS` checks the folder"]
    return bullets(lines) + '\n\nOpens in `transformers.pipeline("text-classification", model=<this folder>)`.'
