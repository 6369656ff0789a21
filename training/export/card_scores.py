"""The part of the model card with figures: scores, labels, raw tweets, seeds, ways to quantise."""

from collections.abc import Sequence
from typing import Any, Final

from training.data.learning_data import RAW_TWEETS
from training.export.card_origin import is_emotion, recipe
from training.export.markdown import bullets, table
from training.export.robustness import SHIFTED
from tweets.datasets import SAMPLE

_ENGINES = {"int8": "int8 (ONNX, as served on CPUs)", "fp32": "fp32 (torch)"}

_NOTEBOOK: Final = {
    "sadness": (0.97, 0.96, 0.96),
    "joy": (0.96, 0.94, 0.95),
    "love": (0.79, 0.91, 0.85),
    "anger": (0.93, 0.93, 0.93),
    "fear": (0.87, 0.90, 0.89),
    "surprise": (0.75, 0.68, 0.71),
}
"""Precision, recall and F1 on test of the notebook that this project began as: a DistilBERT of 66 M parameters."""
_NOTEBOOK_MEANS: Final = "accuracy 0.927, weighted F1 0.927, loss 0.1699"


def score_table(metrics: dict[str, Any]) -> str:
    """Return the scores of both engines on each split."""
    names = ("accuracy", "macro_f1", "weighted_f1", "loss", "ece")
    rows = [
        [split, _ENGINES[engine], str(both[engine]["rows"]), *(f"{both[engine][name]:.4f}" for name in names)]
        for split, both in metrics["scores"].items()
        for engine in _ENGINES
    ]
    head = ["split", "engine", "rows", "accuracy", "macro F1", "weighted F1", "loss", "ECE"]
    agreement = [_agreement(split, both) for split, both in metrics["scores"].items()]
    note = "Loss is the mean negative log likelihood; ECE the expected calibration error over 15 equal bins."
    return "\n\n".join([table(head, rows), bullets(agreement), note])


def _agreement(split: str, both: dict[str, Any]) -> str:
    same, difference = both["label_agreement"], both["mean_score_difference"]
    return f"{split}: int8 and fp32 give the same label for {same:.2%}, scores differ by {difference:.4f} on average."


def class_table(metrics: dict[str, Any]) -> list[str]:
    """The served model by class, beside the notebook's table where both were scored on the same split."""
    split, both = list(metrics["scores"].items())[-1]
    beside = is_emotion(metrics) and split == "test"
    rows = []
    for label, row in both["int8"]["per_class"].items():
        figures = [f"{row[name]:.2f}" for name in ("precision", "recall", "f1")]
        notebook = [f"{figure:.2f}" for figure in _NOTEBOOK[label]] if beside else []
        rows.append([label, *figures, *notebook, str(row["support"])])
    theirs = ["notebook's precision", "recall", "F1"] if beside else []
    by_class = table(["", "precision", "recall", "F1", *theirs, "support"], rows)
    sections = [f"By class, {split}, int8:", by_class]
    return [*sections, f"The notebook: {_NOTEBOOK_MEANS}."] if beside else sections


def robustness(metrics: dict[str, Any]) -> list[str]:
    """What normaliser and training did for texts unlike the data; the model before stands above this one."""
    found = {metrics["model_id"]: metrics["robustness"]}
    if before := metrics.get("before"):
        found = {f"before: {before['model_id']}": before["robustness"], **found}
    texts = list(metrics["robustness"])
    if not texts:
        return []
    rows = [
        [model, way.replace("_", " "), *(_pair(one[text][way]) for text in texts)]
        for model, one in found.items()
        for way in ("without_normalizer", "with_normalizer")
    ]
    by_text = table(["model", "", *texts], rows)
    return [
        "## Raw tweets",
        f"Accuracy / macro F1 of the int8 model. {_explained(metrics)}",
        by_text,
        *_paired(metrics),
    ]


def _explained(metrics: dict[str, Any]) -> str:
    """Say what the texts are of which the table has columns."""
    texts = metrics["robustness"]
    sentences = []
    if SHIFTED in texts:
        sentences.append(
            f"`{SHIFTED}` is the test split with capitals, punctuation, mentions, links, hashtags, emoji, stretched "
            "words and typing errors added by code (`training/data/shift.py`)."
        )
    if SAMPLE in texts:
        added = ", as were the added training tweets" if metrics["run"].get("add") == RAW_TWEETS else ""
        sentences.append(
            f"`{SAMPLE}` are the tweets of the replay, which no training has seen. They were written for this "
            f"project{added}, so expect less on tweets of other people."
        )
    return " ".join(sentences)


def _pair(figures: dict[str, float]) -> str:
    return f"{figures['accuracy']:.4f} / {figures['macro_f1']:.4f}"


def _paired(metrics: dict[str, Any]) -> list[str]:
    before = metrics.get("before")
    if not before or "run" not in before:
        return []
    return [f"The model before: {recipe(before['run'])}; added rows: {before['run'].get('add') or 'none'}."]


def seeds(metrics: dict[str, Any]) -> list[str]:
    """Return what each seed achieved on validation, where there are several."""
    alike = sorted(metrics.get("seeds", []), key=lambda one: int(one["seed"]))
    if len(alike) < 2:
        return []
    columns = [[one[name] for one in alike] for name in ("accuracy", "macro_f1")]
    head = ["seed", "epoch", "accuracy", "macro F1"]
    if all("interpolated" in one for one in alike):
        alone = [one["interpolated"] for one in alike]
        columns += [[one[name] for one in alone] for name in ("accuracy", "macro_f1")]
        head += ["interpolated alone: accuracy", "macro F1"]
    rows = [
        [str(one["seed"]), str(one["best_epoch"]), *(f"{figure:.4f}" for figure in figures)]
        for one, *figures in zip(alike, *columns, strict=True)
    ]
    rows.append(["mean ± standard deviation", "", *map(_mean_and_spread, columns)])
    return ["## Seeds", "Runs of the same recipe, fp32, on validation:", table(head, rows)]


def _mean_and_spread(figures: Sequence[float]) -> str:
    mean = sum(figures) / len(figures)
    variance = sum((figure - mean) ** 2 for figure in figures) / (len(figures) - 1)
    return f"{mean:.4f} ± {variance**0.5:.4f}"


def quantization(metrics: dict[str, Any]) -> str:
    """Return the ways to quantise that were tried."""
    rows = [
        [
            one["way"],
            f"{one['label_agreement']:.2%}",
            f"{-one['macro_f1_lost'] or 0.0:+.4f}",
            "yes" if one["passes"] else "no",
        ]
        for one in metrics["quantization"]
    ]
    return table(["int8 computes", "labels as fp32, validation", "macro F1 against fp32", "passes"], rows)
