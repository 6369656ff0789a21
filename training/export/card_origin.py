"""The part of the model card about what a model was made of: data, base, recipe, cost."""

from typing import Any, Final

from training.export.markdown import bullets
from training.learn.recipe import DISTILBERT, MINILM

_BASES = {
    MINILM: "sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), rebuilt as a DistilBERT without token types",
    DISTILBERT: "distilbert/distilbert-base-uncased (Apache-2.0)",
}
_EMOTION: Final = "cbea190b"
"""The first digits of the SHA-256 of dair-ai/emotion's training split."""


def origin(metrics: dict[str, Any]) -> str:
    """Return data, base, recipe and cost as a list."""
    run = metrics["run"]
    train = run["data"]["train"]
    added = run["data"].get("added")
    lines = [
        f"Data: {data(metrics)}. {train['rows']} training rows, SHA-256 `{train['sha256']}`.",
        f"Added: {added['rows']} rows of `{run['add']}`, SHA-256 `{added['sha256']}`." if added else "",
        *_start(run),
        f"Recipe: {recipe(run)}.{_best_epoch(run)}",
        _averaged(run),
        f"Texts pass through the normaliser `{metrics['normalizer']}`, in training and in serving.",
        f"Temperature {metrics['temperature']}, fitted on the validation split.",
        f"Time: {_cost(run)}.",
    ]
    return bullets(lines)


def _start(run: dict[str, Any]) -> list[str]:
    """What training started from; a base of this package is told with the recipe by which it was made."""
    first = run.get("started_from")
    if not first:
        return [f"Base: {_BASES.get(run['base'], run['base'])}; {run['vocabulary_rows']} rows of its vocabulary."]
    name = first.get("model_id") or first["name"]
    return [
        *_start({**first, "vocabulary_rows": run["vocabulary_rows"]}),
        f"First stage, `{name}`: {recipe(first)}.{_best_epoch(first)} {_cost(first)}.",
        "Second stage: from there on, with the recipe below.",
    ]


def _averaged(run: dict[str, Any]) -> str:
    """What became of the trained weights: a mean over seeds, and a way back to the start where one was looked for."""
    if "averaged" not in run:
        return ""
    mean = run["averaged"]
    seeds = mean["seeds"]
    mixed = f"Then averaged: the mean of the weights of {len(seeds)} seeds (model soup)." if len(seeds) > 1 else ""
    if not any("interpolated" in seed for seed in seeds):  # no way back was looked for
        return mixed
    trained = "averaged" if mixed else "trained"
    if mean["share"] == 1.0:
        back = (
            f"The weights stay as {trained}: validation judged them no worse than the start, so they were not "
            "interpolated towards it (WiSE-FT)."
        )
    else:
        back = (
            f"Then interpolated: {mean['share']:.0%} of the way from the start to the {trained} weights, the largest "
            "share that validation judged no worse than the start (WiSE-FT)."
        )
    return f"{mixed} {back}".strip()


def _best_epoch(run: dict[str, Any]) -> str:
    return f" Best epoch on validation: {run['best_epoch']}." if "best_epoch" in run else ""


def recipe(run: dict[str, Any]) -> str:
    """Return the knobs of a run, and the seeds of an averaged one."""
    knobs = dict(run["recipe"])
    seeds = knobs.pop("seed")
    named = [f"{name.replace('_', ' ')} {value}" for name, value in knobs.items()]
    several = isinstance(seeds, list) and len(seeds) > 1
    numbers = ", ".join(map(str, seeds)) if isinstance(seeds, list) else str(seeds)
    return ", ".join([*named, f"{'seeds' if several else 'seed'} {numbers}"])


def _cost(run: dict[str, Any]) -> str:
    return f"{run['training_seconds']:.0f} s on {_hardware(run)}, {run['precision'].replace('no', 'fp32')}"


def data(metrics: dict[str, Any]) -> str:
    """Return what the data set is, and its terms."""
    if is_emotion(metrics):
        return "dair-ai/emotion: English tweets of 2018, released by its authors for educational and research use only"
    return f"data set {metrics['dataset']}; its own licence applies"


def is_emotion(metrics: dict[str, Any]) -> bool:
    """Whether the model learnt from dair-ai/emotion, whatever its copy is called."""
    return str(metrics["run"]["data"]["train"]["sha256"]).startswith(_EMOTION)


def _hardware(run: dict[str, Any]) -> str:
    hardware = run["hardware"]
    if hardware["gpus"]:
        return f"{len(hardware['gpus'])} x {hardware['gpus'][0]}"
    return f"{hardware['cores']} cores of {hardware['cpu']}"
