"""The part of the model card about training: data, base model, recipe, time."""

from collections.abc import Iterator
from typing import Any, Final

from training.data.raw_tweets import RAW_TWEETS
from training.export.markdown import bullets
from training.learn.recipe import DISTILBERT, MINILM, MPNET

_BASES: Final = {
    MINILM: "sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), converted to a DistilBERT without token types",
    DISTILBERT: "distilbert/distilbert-base-uncased (Apache-2.0)",
    MPNET: "sentence-transformers/all-mpnet-base-v2 (Apache-2.0)",
}
_EMOTION: Final = "cbea190b"
_EMOTION_TEST: Final = "16a9e090"
"""The first digits of the SHA-256 of dair-ai/emotion's training split, and of its test split."""
_COMMENTS: Final = "google-research-datasets/go_emotions"
_KNOWN_DATA: Final = {
    _COMMENTS: "GoEmotions (Demszky et al. 2020): English comments of Reddit, Apache-2.0",
    RAW_TWEETS: "tweets that the authors of this project wrote and labelled, Apache-2.0",
}
"""Further data sets with known terms, by their id of the hub or their name."""
_ORDINALS: Final = ("First", "Second", "Third", "Fourth")
_WRITTEN: Final = {"r_drop": "R-Drop", "ema_decay": "EMA decay"}
"""Names of hyperparameters that are not written as their field in lower case."""
_PRECISIONS: Final = {"no": "fp32"}
"""Accelerate's names of precisions that a reader does not know."""


def origin(metrics: dict[str, Any]) -> str:
    """Return data, base model, recipe and time as a list."""
    run = metrics["run"]
    train = run["data"]["train"]
    added = run["data"].get("added")
    several = "datasets" in run
    lines = [
        f"Data set: {data(metrics)}. {train['rows']} training rows, SHA-256 `{train['sha256']}`.",
        f"Added data: {added['rows']} rows of `{run['add']}`, SHA-256 `{added['sha256']}`." if added else "",
        *_training_rows(metrics),
        *_teachers(run),
        *_stages(run),
        f"Recipe: {recipe(run)}.{_best_epoch(run)}",
        *_averaged(run),
        f"Normaliser: `{metrics['normalizer']}`, applied to every text in training and in serving.",
        f"Temperature: {metrics['temperature']}, fitted on the validation {'splits' if several else 'split'}.",
        f"Training time: {_time(run)}.",
    ]
    return bullets(lines)


def _training_rows(metrics: dict[str, Any]) -> Iterator[str]:
    """Yield the training rows of each data set by label, and the rows that were left out."""
    counted: dict[str, Any] = metrics.get("training_rows", {})
    for part in counted.get("parts", ()):
        by_label = ", ".join(f"{name} {rows:,}" for name, rows in part["labels"].items())
        share = f"weight {part['weight']:g}, ratio {part['ratio']:g}"
        yield f"Training rows of `{part['name']}`: {part['rows']:,} ({share}): {by_label}."
    if counted:
        found = "; ".join(f"{where}: {rows:,}" for where, rows in counted["left_out"].items())
        yield f"Training rows left out, because another set has the same text after normalising: {found or 'none'}."


def _teachers(run: dict[str, Any]) -> Iterator[str]:
    """Yield the base and the recipe of each teacher whose probabilities the model learnt."""
    for teacher in run.get("teachers", ()):
        base = _BASES.get(teacher["base"], teacher["base"])
        yield (
            f"Teacher, not part of this model: {base}; {recipe(teacher)}.{_best_epoch(teacher)} Training time: "
            f"{_time(teacher)}."
        )


def _stages(run: dict[str, Any]) -> list[str]:
    """Return the base model, then the recipe of each stage before this run."""
    first, *_ = stages = _lineage(run)
    base = f"Base model: {_BASES.get(first['base'], first['base'])}; {run['vocabulary_rows']} rows of its vocabulary."
    earlier = [
        f"{_ordinal(number)} stage, `{stage.get('model_id') or stage['name']}`: {recipe(stage)}.{_best_epoch(stage)} "
        f"Training time: {_time(stage)}."
        for number, stage in enumerate(stages[:-1])
    ]
    if not earlier:
        return [base]
    start = _ordinal(len(earlier) - 1).lower()
    last = f"training starts from the weights of the {start} stage (the start model), with the recipe below"
    return [base, *earlier, f"{_ordinal(len(earlier))} stage, this model: {last}."]


def _lineage(run: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the records of all stages, this run's last."""
    stages = [run]
    while before := stages[0].get("started_from"):
        stages.insert(0, before)
    return stages


def _ordinal(number: int) -> str:
    return _ORDINALS[number] if number < len(_ORDINALS) else f"{number + 1}th"


def _averaged(run: dict[str, Any]) -> list[str]:
    """Return whether the weights are a mean over seeds, and whether they were interpolated towards the start model."""
    if "averaged" not in run:
        return []
    share, seeds = run["averaged"]["share"], run["averaged"]["seeds"]
    is_mean = len(seeds) > 1
    mean = (
        [f"Averaging: the weights are the mean of the weights of {len(seeds)} seeds (model soup)."] if is_mean else []
    )
    if not any("interpolated" in seed for seed in seeds):  # `average` was called without --towards
        return mean
    weights = "averaged weights" if is_mean else "trained weights"
    on_validation = "sum of accuracy and macro F1 on validation is not below that of the start model"
    if share == 1.0:
        return [*mean, f"Interpolation (WiSE-FT): not needed. The {weights} are kept; their {on_validation}."]
    return [
        *mean,
        f"Interpolation (WiSE-FT): {share:.0%} of the {weights} and {1 - share:.0%} of the weights of the start model. "
        f"This is the largest share of the {weights} whose {on_validation}.",
    ]


def _best_epoch(run: dict[str, Any]) -> str:
    return f" Best epoch on validation: {run['best_epoch']}." if "best_epoch" in run else ""


def recipe(run: dict[str, Any]) -> str:
    """Return the hyperparameters of a run and its seed, or the seeds of an averaged run."""
    values = dict(run["recipe"])
    if not run.get("teachers"):
        values = {name: value for name, value in values.items() if not name.startswith("teacher_")}
    seeds = values.pop("seed")
    named = [f"{_WRITTEN.get(name, name.replace('_', ' '))} {value}" for name, value in values.items()]
    several = isinstance(seeds, list) and len(seeds) > 1
    numbers = ", ".join(map(str, seeds)) if isinstance(seeds, list) else str(seeds)
    return ", ".join([*named, f"{'seeds' if several else 'seed'} {numbers}"])


def _time(run: dict[str, Any]) -> str:
    precision = _PRECISIONS.get(run["precision"], run["precision"])
    return f"{run['training_seconds']:.0f} s on {_hardware(run)}, {precision}"


def _hardware(run: dict[str, Any]) -> str:
    hardware = run["hardware"]
    if hardware["gpus"]:
        return f"{len(hardware['gpus'])} x {hardware['gpus'][0]}"
    return f"{hardware['cores']} cores of {hardware['cpu']}"


def data(metrics: dict[str, Any]) -> str:
    """Return the name of the data set and its terms."""
    if is_emotion(metrics):
        return "dair-ai/emotion: English tweets of 2018, released by its authors for educational and research use only"
    return f"data set {metrics['dataset']}; the licence of the data set applies"


def further_data(metrics: dict[str, Any]) -> list[str]:
    """Return the name and the terms of each data set besides the first one."""
    entries = metrics["run"].get("datasets", ())[1:]
    known = [_KNOWN_DATA.get(entry["hub"] or entry["path"]) for entry in entries]
    return [
        terms or f"data set {entry['path']}; the licence of the data set applies"
        for entry, terms in zip(entries, known, strict=True)
    ]


def is_emotion(metrics: dict[str, Any]) -> bool:
    """Return whether the model was trained on dair-ai/emotion, under any name or path of the data set."""
    data = metrics["run"]["data"]
    test = data.get("test", {"sha256": ""})
    return str(data["train"]["sha256"]).startswith(_EMOTION) or str(test["sha256"]).startswith(_EMOTION_TEST)


def known_base(metrics: dict[str, Any]) -> bool:
    """Return whether the licence of the base model is known."""
    return _lineage(metrics["run"])[0]["base"] in _BASES
