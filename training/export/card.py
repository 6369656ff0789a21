"""The model card: the model folder's README, every figure in it taken from what was measured."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from training.export.robustness import SHIFTED
from training.learn.recipe import DISTILBERT, MINILM

_BASES = {
    MINILM: "sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), rebuilt as a DistilBERT without token types",
    DISTILBERT: "distilbert/distilbert-base-uncased (Apache-2.0)",
}
_EMOTION: Final = "cbea190b"
"""The first digits of the SHA-256 of dair-ai/emotion's training split."""

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
        *_class_table(metrics),
        *_robustness(metrics),
        *_seeds(metrics),
        "## Looks at the test split",
        _looks(metrics),
        "## Quantisation",
        _quantization(metrics),
        "## Licence",
        _licence(metrics),
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
    added = run["data"].get("added")
    lines = [
        f"Data: {_data(metrics)}. {train['rows']} training rows, SHA-256 `{train['sha256']}`.",
        f"Added: {added['rows']} rows of `{run['add']}`, SHA-256 `{added['sha256']}`." if added else "",
        *_start(run),
        f"Recipe: {_recipe(run)}.{_best_epoch(run)}",
        _averaged(run),
        f"Texts pass through the normaliser `{metrics['normalizer']}`, in training and in serving.",
        f"Temperature {metrics['temperature']}, fitted on the validation split.",
        f"Time: {_cost(run)}.",
    ]
    return _bullets(lines)


def _start(run: dict[str, Any]) -> list[str]:
    """What training started from; a base of this package is told with the recipe by which it was made."""
    first = run.get("started_from")
    if not first:
        return [f"Base: {_BASES.get(run['base'], run['base'])}; {run['vocabulary_rows']} rows of its vocabulary."]
    name = first.get("model_id") or first["name"]
    return [
        *_start({**first, "vocabulary_rows": run["vocabulary_rows"]}),
        f"First stage, `{name}`: {_recipe(first)}.{_best_epoch(first)} {_cost(first)}.",
        "Second stage: from there on, with the recipe below.",
    ]


def _averaged(run: dict[str, Any]) -> str:
    if "averaged" not in run:
        return ""
    mean = run["averaged"]
    seeds = len(mean["seeds"])
    what = f"averaged: the mean of the weights of {seeds} seeds (model soup)" if seeds > 1 else "interpolated"
    return (
        f"Then {what}, {mean['share']:.0%} of the way from the start to what was trained, the largest share that "
        "validation judged no worse than the start (WiSE-FT)."
    )


def _best_epoch(run: dict[str, Any]) -> str:
    return f" Best epoch on validation: {run['best_epoch']}." if "best_epoch" in run else ""


def _recipe(run: dict[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in run["recipe"].items())


def _cost(run: dict[str, Any]) -> str:
    return f"{run['training_seconds']:.0f} s on {_hardware(run)}, {run['precision'].replace('no', 'fp32')}"


def _data(metrics: dict[str, Any]) -> str:
    if _is_emotion(metrics):
        return "dair-ai/emotion: English tweets of 2018, released by its authors for educational and research use only"
    return f"data set {metrics['dataset']}; its own licence applies"


def _is_emotion(metrics: dict[str, Any]) -> bool:
    return str(metrics["run"]["data"]["train"]["sha256"]).startswith(_EMOTION)


def _hardware(run: dict[str, Any]) -> str:
    hardware = run["hardware"]
    if hardware["gpus"]:
        return f"{len(hardware['gpus'])} x {hardware['gpus'][0]}"
    return f"{hardware['cores']} cores of {hardware['cpu']}"


# Scores.


def _score_table(metrics: dict[str, Any]) -> str:
    names = ("accuracy", "macro_f1", "weighted_f1", "loss", "ece")
    rows = [
        [split, _ENGINES[engine], str(both[engine]["rows"]), *(f"{both[engine][name]:.4f}" for name in names)]
        for split, both in metrics["scores"].items()
        for engine in _ENGINES
    ]
    head = ["split", "engine", "rows", "accuracy", "macro F1", "weighted F1", "loss", "ECE"]
    agreement = [_agreement(split, both) for split, both in metrics["scores"].items()]
    note = "Loss is the mean negative log likelihood; ECE the expected calibration error over 15 equal bins."
    return "\n\n".join([_table(head, rows), _bullets(agreement), note])


def _agreement(split: str, both: dict[str, Any]) -> str:
    same, difference = both["label_agreement"], both["mean_score_difference"]
    return f"{split}: int8 and fp32 give the same label for {same:.2%}, scores differ by {difference:.4f} on average."


def _class_table(metrics: dict[str, Any]) -> list[str]:
    """The served model by class, beside the notebook's table where both were scored on the same split."""
    split, both = list(metrics["scores"].items())[-1]
    beside = _is_emotion(metrics) and split == "test"
    rows = []
    for label, row in both["int8"]["per_class"].items():
        figures = [f"{row[name]:.2f}" for name in ("precision", "recall", "f1")]
        notebook = [f"{figure:.2f}" for figure in _NOTEBOOK[label]] if beside else []
        rows.append([label, *figures, *notebook, str(row["support"])])
    theirs = ["notebook's precision", "recall", "F1"] if beside else []
    table = _table(["", "precision", "recall", "F1", *theirs, "support"], rows)
    sections = [f"By class, {split}, int8:", table]
    return [*sections, f"The notebook: {_NOTEBOOK_MEANS}."] if beside else sections


def _robustness(metrics: dict[str, Any]) -> list[str]:
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
    table = _table(["model", "", *texts], rows)
    return ["## Raw tweets", f"Accuracy / macro F1 of the int8 model. {_TEXTS_EXPLAINED}", table, *_paired(metrics)]


_TEXTS_EXPLAINED = (
    f"`{SHIFTED}` is the test split with capitals, punctuation, mentions, links, hashtags, emoji, stretched words and "
    "typing errors added by code (`training/shift.py`); `sample` are the tweets of the replay, which no training has "
    "seen. They were written for this project, as were the added training tweets, so expect less on "
    "tweets of other people."
)


def _pair(figures: dict[str, float]) -> str:
    return f"{figures['accuracy']:.4f} / {figures['macro_f1']:.4f}"


def _paired(metrics: dict[str, Any]) -> list[str]:
    before = metrics.get("before")
    if not before or "run" not in before:
        return []
    return [f"The model before: {_recipe(before['run'])}; added rows: {before['run'].get('add') or 'none'}."]


def _seeds(metrics: dict[str, Any]) -> list[str]:
    seeds = sorted(metrics.get("seeds", []), key=lambda one: int(one["seed"]))
    if len(seeds) < 2:
        return []
    columns = [[one[name] for one in seeds] for name in ("accuracy", "macro_f1")]
    head = ["seed", "epoch", "accuracy", "macro F1"]
    if all("interpolated" in one for one in seeds):
        alone = [one["interpolated"] for one in seeds]
        columns += [[one[name] for one in alone] for name in ("accuracy", "macro_f1")]
        head += ["interpolated alone: accuracy", "macro F1"]
    rows = [
        [str(one["seed"]), str(one["best_epoch"]), *(f"{figure:.4f}" for figure in figures)]
        for one, *figures in zip(seeds, *columns, strict=True)
    ]
    rows.append(["mean ± standard deviation", "", *map(_mean_and_spread, columns)])
    return ["## Seeds", "Runs of the same recipe, fp32, on validation:", _table(head, rows)]


def _mean_and_spread(figures: Sequence[float]) -> str:
    mean = sum(figures) / len(figures)
    variance = sum((figure - mean) ** 2 for figure in figures) / (len(figures) - 1)
    return f"{mean:.4f} ± {variance**0.5:.4f}"


# The rest.


def _looks(metrics: dict[str, Any]) -> str:
    looks = ["Recipe, epoch and temperature were chosen on validation. The scores above were measured at export."]
    return _bullets([*looks, *metrics.get("notes", [])])


def _quantization(metrics: dict[str, Any]) -> str:
    rows = [
        [
            one["way"],
            f"{one['label_agreement']:.2%}",
            f"{-one['macro_f1_lost'] or 0.0:+.4f}",
            "yes" if one["passes"] else "no",
        ]
        for one in metrics["quantization"]
    ]
    return _table(["int8 computes", "labels as fp32, validation", "macro F1 against fp32", "passes"], rows)


def _licence(metrics: dict[str, Any]) -> str:
    return (
        f"The weights were trained on {_data(metrics)}. Code and base are Apache-2.0; whether and how the weights may "
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
    return _bullets(lines) + '\n\nOpens in `transformers.pipeline("text-classification", model=<this folder>)`.'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines if line)
