"""The model card: the README of a model folder. All figures are taken from the folder's metrics."""

from collections.abc import Sequence
from typing import Any, Final

from training.export.card_origin import data, further_data, is_emotion, known_base, origin
from training.export.card_scores import class_table, quantization, robustness, score_table, seeds
from training.export.card_sets import kinds, mistakes, neutral, other_texts
from training.export.card_targets import targets
from training.export.markdown import bullets

_KILOBYTE, _MEGABYTE = 1e3, 1e6
_DESCRIBED: Final = {
    "config.json": "labels, temperature, normaliser, and the configuration for `transformers`",
    "tokenizer.json": "the tokenizer",
    "tokenizer_config.json": "the tokenizer's configuration for `transformers`",
    "model.safetensors": "fp16 weights, for PyTorch",
    "model.int8.onnx": "int8 weights with fixed activation scales, for ONNX Runtime",
    "golden.json": "texts and scores that a worker compares before it serves",
}
"""The files of a model folder with a size in the card, and what they contain."""


def model_card(metrics: dict[str, Any], labels: Sequence[str]) -> str:
    """Return the card as Markdown, from the contents of metrics.json and the labels in the order of the outputs."""
    sections = (
        f"# {metrics['model_id']}",
        _summary(metrics, labels),
        "## Intended use and limits",
        _limits(metrics),
        "## Training",
        origin(metrics),
        "## Scores",
        score_table(metrics),
        *class_table(metrics),
        *robustness(metrics),
        *other_texts(metrics),
        *neutral(metrics),
        *kinds(metrics),
        *mistakes(metrics),
        *targets(metrics),
        *seeds(metrics),
        "## Use of the test split",
        _use_of_test(metrics),
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
    also = " A further output is the probability that a text shows none of them." if "neutral" in metrics else ""
    return f"Classifies {texts} as one of: {', '.join(labels)}.{also}"


def _limits(metrics: dict[str, Any]) -> str:
    emotion = is_emotion(metrics)
    languages = "languages other than English" if emotion else "languages other than that of the training data"
    sentences = [
        "Use this model to count and monitor the mood of many tweets, not for decisions about individual people.",
        "The labels of the training data come from hashtags, and some labels are wrong." if emotion else "",
        f"The model often misclassifies irony, mixed feelings and texts in {languages}.",
        _neutral_texts(metrics),
        "The confidence is a calibrated probability only for texts that are like the training data.",
    ]
    return " ".join(filter(None, sentences))


def _neutral_texts(metrics: dict[str, Any]) -> str:
    if "neutral" in metrics:
        return "Without `NEUTRAL_THRESHOLD`, every text gets one of the labels, a neutral text too."
    return "Every text gets one of the labels, a neutral text too."


def _use_of_test(metrics: dict[str, Any]) -> str:
    lines = [
        "Recipe, epoch and temperature were chosen on validation. The scores in this card were measured at export, by "
        "the command that wrote the card."
    ]
    return bullets([*lines, *metrics.get("notes", [])])


def _licence(metrics: dict[str, Any]) -> str:
    base = "The code and the base model are Apache-2.0."
    if not known_base(metrics):
        base = "The code is Apache-2.0; the base model has a licence of its own."
    sources = "; ".join([data(metrics), *further_data(metrics)])
    return (
        f"The weights were trained on {sources}. {base} The terms of the data and of the base model determine whether "
        "and how the weights may be used."
    )


def _files(metrics: dict[str, Any]) -> str:
    lines = [f"`{name}` ({_size(metrics['bytes'][name])}): {what}" for name, what in _DESCRIBED.items()]
    lines += ["`metrics.json`: all measurements, and how the model was made"]
    lines += ["`SHA256SUMS`: checksums of the files; `sha256sum -c SHA256SUMS` verifies the folder"]
    opened = (
        '`transformers.pipeline("text-classification", model=<this folder>)` loads the model. On a CPU, also pass '
        "`dtype=torch.float32`: the weights are fp16, in which most CPUs compute several times more slowly."
    )
    return f"{bullets(lines)}\n\n{opened}"


def _size(size_bytes: int) -> str:
    if size_bytes < _MEGABYTE:
        return f"{size_bytes / _KILOBYTE:.1f} kB"
    return f"{size_bytes / _MEGABYTE:.1f} MB"
