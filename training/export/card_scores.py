"""The part of the model card with figures: scores, scores by class, raw tweets, seeds, quantisation."""

from collections.abc import Sequence
from typing import Any, Final

from training.data.raw_tweets import RAW_TWEETS
from training.export.card_origin import is_emotion
from training.export.card_stages import data_sets, recipe
from training.export.int8 import MAX_MACRO_F1_LOST, MIN_LABEL_AGREEMENT
from training.export.markdown import bullets, table
from training.export.robustness import SHIFTED
from training.score.calibration import BINS, CHANCE_DRAWS
from tweets.datasets import SAMPLE, SAMPLE_DEV

_ENGINES: Final = {"int8": "int8 (ONNX Runtime, as served on a CPU)", "fp32": "fp32 (PyTorch)"}
_NORMALISED: Final = {"without_normalizer": "without", "with_normalizer": "with"}

_NOTEBOOK: Final = {
    "sadness": (0.97, 0.96, 0.96),
    "joy": (0.96, 0.94, 0.95),
    "love": (0.79, 0.91, 0.85),
    "anger": (0.93, 0.93, 0.93),
    "fear": (0.87, 0.90, 0.89),
    "surprise": (0.75, 0.68, 0.71),
}
"""Precision, recall and F1 on test of the notebook that this project started from."""
_NOTEBOOK_SCORES: Final = (
    "The notebook is the one that this project started from, with a DistilBERT of 66 M parameters. Its scores on test: "
    "accuracy 0.927, weighted F1 0.927, loss 0.1699."
)


def score_table(metrics: dict[str, Any]) -> str:
    """Return the scores of both engines on each split, and how much the engines differ."""
    names = ("accuracy", "macro_f1", "weighted_f1", "loss", "ece", "ece_less_chance")
    rows = [
        [split, _ENGINES[engine], str(both[engine]["rows"]), *(_figure(both[engine].get(name)) for name in names)]
        for split, both in metrics["scores"].items()
        for engine in _ENGINES
    ]
    head = ["split", "engine", "rows", "accuracy", "macro F1", "weighted F1", "loss", "ECE", "ECE less chance"]
    agreement = [_agreement(split, both) for split, both in metrics["scores"].items()]
    explained = (
        "Loss is the mean negative log likelihood of the true label. ECE is the expected calibration error over "
        f"{BINS} equal bins of confidence. With few rows a perfectly calibrated model has an ECE above 0 too: ECE less "
        f"chance is ECE minus the mean ECE of {CHANCE_DRAWS:,} draws of labels from such a model with the same "
        "confidences."
    )
    return "\n\n".join([table(head, rows), bullets(agreement), explained])


def _figure(value: float | None) -> str:
    """Return a score with four decimals, "-" for a score that an earlier version did not measure."""
    return "-" if value is None else f"{value:.4f}"


def _agreement(split: str, both: dict[str, Any]) -> str:
    same, difference = both["label_agreement"], both["mean_score_difference"]
    return (
        f"{split}: int8 and fp32 give {same:.2%} of the rows the same label; the scores of a row differ by "
        f"{difference:.4f} on average."
    )


def class_table(metrics: dict[str, Any]) -> list[str]:
    """Return the int8 scores by class; on dair-ai/emotion's test split, the notebook's scores too."""
    split, both = list(metrics["scores"].items())[-1]
    with_notebook = is_emotion(metrics) and split == "test"
    rows = []
    for label, row in both["int8"]["per_class"].items():
        figures = [f"{row[name]:.2f}" for name in ("precision", "recall", "f1")]
        notebook = [f"{figure:.2f}" for figure in _NOTEBOOK[label]] if with_notebook else []
        rows.append([label, *figures, *notebook, str(row["support"])])
    notebook_head = ["notebook: precision", "notebook: recall", "notebook: F1"] if with_notebook else []
    by_class = table(["class", "precision", "recall", "F1", *notebook_head, "support"], rows)
    sections = [f"Scores by class on {split}, int8:", by_class]
    return [*sections, _NOTEBOOK_SCORES] if with_notebook else sections


def robustness(metrics: dict[str, Any]) -> list[str]:
    """Return the scores on raw tweets with and without normaliser; the previous model, if measured, comes first."""
    found = {metrics["model_id"]: metrics["robustness"]}
    if before := metrics.get("before"):
        found = {f"previous: {before['model_id']}": before["robustness"], **found}
    texts = list(metrics["robustness"])
    if not texts:
        return []
    rows = [
        [model, named, *(_pair(one[text][way]) if text in one else "-" for text in texts)]
        for model, one in found.items()
        for way, named in _NORMALISED.items()
    ]
    by_text = table(["model", "normaliser", *texts], rows)
    return [
        "## Raw tweets",
        f"Accuracy / macro F1 of the int8 model. {_explained(metrics)}",
        by_text,
        *_previous(metrics),
    ]


def _explained(metrics: dict[str, Any]) -> str:
    """Return what the texts in the columns of the table are."""
    texts = metrics["robustness"]
    sentences = []
    if SHIFTED in texts:
        sentences.append(
            f"`{SHIFTED}` is the test split changed by code (`training/data/shift.py`), which adds capitals, "
            "punctuation, mentions, links, hashtags, emoji, repeated letters and typing errors."
        )
    if SAMPLE in texts:
        also = " and the added training tweets" if _has_raw_tweets(metrics["run"]) else ""
        sentences.append(
            f"`{SAMPLE}` has the labelled tweets of the demo, of which those with an emotion count here; "
            f"`{SAMPLE_DEV}` has tweets on which choices were made during development. Neither is training data. The "
            f"authors of this project wrote and labelled both{also}, without outside annotators: expect lower scores "
            "on other tweets."
        )
    return " ".join(sentences)


def _has_raw_tweets(run: dict[str, Any]) -> bool:
    """Return whether the tweets that ship with this project were trained on, in a run on one data set or several."""
    if "datasets" in run:
        return any(entry["path"] == RAW_TWEETS for entry in run["datasets"])
    return bool(run.get("add") == RAW_TWEETS)


def _pair(figures: dict[str, float]) -> str:
    return f"{figures['accuracy']:.4f} / {figures['macro_f1']:.4f}"


def _previous(metrics: dict[str, Any]) -> list[str]:
    before = metrics.get("before")
    if not before or "run" not in before:
        return []
    run = before["run"]
    data = data_sets(run) or f" Added data: {run.get('add') or 'none'}."
    return [f"Recipe of the previous model: {recipe(run)}.{data}"]


def seeds(metrics: dict[str, Any]) -> list[str]:
    """Return the scores of each seed on validation, with mean and standard deviation, if there are several seeds."""
    runs = sorted(metrics.get("seeds", []), key=lambda one: int(one["seed"]))
    if len(runs) < 2:
        return []
    columns = [[one[name] for one in runs] for name in ("accuracy", "macro_f1")]
    head = ["seed", "best epoch", "accuracy", "macro F1"]
    explained = "Runs with the same recipe and different seeds, fp32, on validation."
    if all("interpolated" in one for one in runs):
        alone = [one["interpolated"] for one in runs]
        columns += [[one[name] for one in alone] for name in ("accuracy", "macro_f1")]
        head += ["interpolated alone: accuracy", "interpolated alone: macro F1"]
        explained += " Interpolated alone: the weights of one seed, interpolated towards the start model."
    rows = [
        [str(one["seed"]), str(one["best_epoch"]), *(f"{figure:.4f}" for figure in figures)]
        for one, *figures in zip(runs, *columns, strict=True)
    ]
    rows.append(["mean ± standard deviation", "", *map(_mean_and_spread, columns)])
    return ["## Seeds", explained, table(head, rows)]


def _mean_and_spread(figures: Sequence[float]) -> str:
    mean = sum(figures) / len(figures)
    variance = sum((figure - mean) ** 2 for figure in figures) / (len(figures) - 1)
    return f"{mean:.4f} ± {variance**0.5:.4f}"


def quantization(metrics: dict[str, Any]) -> str:
    """Return the methods of quantisation that were tried, and what a method must achieve."""
    rows = [
        [
            one["way"],
            f"{one['label_agreement']:.2%}",
            f"{-one['macro_f1_lost'] or 0.0:+.4f}",
            "yes" if one["passes"] else "no",
        ]
        for one in metrics["quantization"]
    ]
    required = (
        f"On validation, int8 must give at least {MIN_LABEL_AGREEMENT:.1%} of the rows the label of fp32, and macro F1 "
        f"may be at most {MAX_MACRO_F1_LOST} lower. The first method that passes is used."
    )
    head = ["method", "same label as fp32", "macro F1 minus macro F1 of fp32", "passes"]
    return f"{required}\n\n{table(head, rows)}"
