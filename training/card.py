"""The model card: the model folder's README, every figure in it taken from what was measured."""

from collections.abc import Sequence
from typing import Any

from training.recipe import DISTILBERT, MINILM

_BASES = {
    MINILM: "sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), rebuilt as a DistilBERT without token types",
    DISTILBERT: "distilbert/distilbert-base-uncased (Apache-2.0)",
}
_KNOWN_DATA = {
    "cbea190b": "dair-ai/emotion: English tweets of 2018, released by its authors for educational and research use only"
}
"""What is known of a training split, by the first digits of its SHA-256."""

_ENGINES = {"int8": "int8 (ONNX, as served on CPUs)", "fp32": "fp32 (torch)"}


def model_card(metrics: dict[str, Any], labels: Sequence[str]) -> str:
    """Return the card as Markdown."""
    sections = (
        f"# {metrics['model_id']}",
        f"Classifies English tweets as one of: {', '.join(labels)}.",
        "## Intended use and limits",
        _LIMITS,
        "## What it was trained on",
        _training(metrics),
        "## Scores",
        _score_table(metrics),
        *_class_tables(metrics),
        "## Files",
        _files(metrics),
    )
    return "\n\n".join(sections) + "\n"


_LIMITS = (
    "For counting and watching the mood of many tweets, not for decisions about single people. The labels of the "
    "training data come from hashtags and are noisy; irony, mixed feelings and languages other than English are often "
    "misread, and every text gets one of the labels, a neutral one too. Confidence is a calibrated probability only "
    "for texts like the training data."
)


def _training(metrics: dict[str, Any]) -> str:
    run = metrics["run"]
    train = run["data"]["train"]
    known = _KNOWN_DATA.get(train["sha256"][:8], f"data set {metrics['dataset']}; its own licence applies")
    recipe = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in run["recipe"].items())
    return (
        f"- Data: {known}. {train['rows']} training rows, SHA-256 `{train['sha256']}`.\n"
        f"- Base: {_BASES.get(run['base'], run['base'])}; {run['vocabulary_rows']} rows of its vocabulary.\n"
        f"- Recipe: {recipe}. Best epoch on validation: {run['best_epoch']}.\n"
        f"- Texts pass through the normaliser `{metrics['normalizer']}`, in training and in serving.\n"
        f"- Temperature {metrics['temperature']}, fitted on the validation split.\n"
        f"- {run['training_seconds']:.0f} s on {_hardware(run)}, {run['precision']} autocast."
        + (f"\n- {run['note']}" if "note" in run else "")
    )


def _hardware(run: dict[str, Any]) -> str:
    hardware = run["hardware"]
    if run["device"].startswith("cuda"):
        return f"{len(hardware['gpus'])} x {hardware['gpus'][0]}"
    return f"{hardware['cores']} cores of {hardware['cpu']}"


def _score_table(metrics: dict[str, Any]) -> str:
    lines = ["| split | engine | rows | accuracy | macro F1 | weighted F1 | loss |", "|---|---|---|---|---|---|---|"]
    for split, both in metrics["scores"].items():
        for engine, name in _ENGINES.items():
            row = both[engine]
            figures = " | ".join(f"{row[key]:.4f}" for key in ("accuracy", "macro_f1", "weighted_f1", "loss"))
            lines.append(f"| {split} | {name} | {row['rows']} | {figures} |")
    return "\n".join([*lines, "", *(_agreement(split, both) for split, both in metrics["scores"].items())])


def _agreement(split: str, both: dict[str, Any]) -> str:
    same, difference = both["label_agreement"], both["mean_score_difference"]
    return f"- {split}: int8 and fp32 give the same label for {same:.2%}, scores differ by {difference:.4f} on average."


def _class_tables(metrics: dict[str, Any]) -> list[str]:
    split, both = list(metrics["scores"].items())[-1]
    lines = [f"By class, {split}, int8:", "", "| | precision | recall | F1 | support |", "|---|---|---|---|---|"]
    for label, row in both["int8"]["per_class"].items():
        lines.append(f"| {label} | {row['precision']:.2f} | {row['recall']:.2f} | {row['f1']:.2f} | {row['support']} |")
    return ["\n".join(lines)]


def _files(metrics: dict[str, Any]) -> str:
    described = {
        "config.json": "labels, temperature, normaliser, and what `transformers` needs",
        "tokenizer.json": "the tokenizer",
        "tokenizer_config.json": "how `transformers` opens it",
        "model.safetensors": "fp16 weights, for torch",
        "model.int8.onnx": "int8 weights with fixed activation scales, for ONNX Runtime",
        "golden.json": "a few scores that a worker checks before it serves",
    }
    lines = [f"- `{name}` ({metrics['bytes'][name] / 1e6:.1f} MB): {what}" for name, what in described.items()]
    lines += ["- `metrics.json`: everything that was measured, and how the model was made"]
    lines += ["- `SHA256SUMS`: `sha256sum -c SHA256SUMS` checks the folder"]
    return "\n".join([*lines, "", 'Opens in `transformers.pipeline("text-classification", model=<this folder>)`.'])
