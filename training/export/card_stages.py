"""The stages of a training in the model card: base, recipe, data sets, teachers, mean and time of each stage."""

from collections.abc import Iterator
from typing import Any, Final

from training.learn.recipe import DISTILBERT, MINILM, MPNET
from tweets.datasets import dataset_name

BASES: Final = {
    MINILM: "sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), converted to a DistilBERT without token types",
    DISTILBERT: "distilbert/distilbert-base-uncased (Apache-2.0)",
    MPNET: "sentence-transformers/all-mpnet-base-v2 (Apache-2.0)",
}
"""Base models whose licence is known, by the name that `--base` accepts."""
_ORDINALS: Final = ("First", "Second", "Third", "Fourth")
_WRITTEN: Final = {"r_drop": "R-Drop", "ema_decay": "EMA decay"}
"""Names of hyperparameters that are not written as their field in lower case."""
_PRECISIONS: Final = {"no": "fp32"}
"""Accelerate's names of precisions that a reader does not know."""


def lineage(run: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the records of all stages, this run's last."""
    found = [run]
    while before := found[0].get("started_from"):
        found.insert(0, before)
    return found


def teachers(run: dict[str, Any]) -> Iterator[str]:
    """Yield base, recipe, data sets and time of each teacher whose probabilities a stage learnt, and these stages."""
    taught: list[tuple[dict[str, Any], list[str]]] = []
    all_stages = lineage(run)
    for number, stage in enumerate(all_stages):
        for teacher in stage.get("teachers", ()):
            known = next((names for one, names in taught if one == teacher), None)
            if known is None:
                taught.append((teacher, known := []))
            known.append(_ordinal(number).lower())
    for teacher, names in taught:
        of = f" of the {' and the '.join(names)} stage" if len(all_stages) > 1 else ""
        base = BASES.get(teacher["base"], teacher["base"])
        yield (
            f"Teacher{of}, not part of this model: {base}; {recipe(teacher)}.{best_epoch(teacher)}"
            f"{data_sets(teacher)} Training time: {time_of(teacher)}."
        )


def stages(run: dict[str, Any]) -> list[str]:
    """Return the base model, then recipe, data sets, mean and time of each stage before this run."""
    first, *_ = found = lineage(run)
    base = f"Base model: {BASES.get(first['base'], first['base'])}; {run['vocabulary_rows']} rows of its vocabulary."
    earlier = [_stage(number, stage) for number, stage in enumerate(found[:-1])]
    if not earlier:
        return [base]
    start = _ordinal(len(earlier) - 1).lower()
    last = f"training starts from the weights of the {start} stage (the start model), with the recipe below"
    return [base, *earlier, f"{_ordinal(len(earlier))} stage, this model: {last}.{data_sets(run)}"]


def _stage(number: int, stage: dict[str, Any]) -> str:
    start = f"the {_ordinal(number - 1).lower()} stage"
    facts = " ".join(averaging(stage, start))
    return (
        f"{_ordinal(number)} stage, `{stage.get('model_id') or stage['name']}`: {recipe(stage)}.{best_epoch(stage)}"
        f"{data_sets(stage)}{' ' + facts if facts else ''} Training time: {time_of(stage)}."
    )


def _ordinal(number: int) -> str:
    return _ORDINALS[number] if number < len(_ORDINALS) else f"{number + 1}th"


def data_sets(run: dict[str, Any]) -> str:
    """Return the data sets of a stage with the share of their rows in an epoch; empty for a run on one data set."""
    shares = [f"`{dataset_name(entry['path'])}` {entry['ratio']:g}" for entry in run.get("datasets", ())]
    return f" Data sets and their ratio: {', '.join(shares)}." if shares else ""


def averaging(run: dict[str, Any], start: str = "the start model") -> list[str]:
    """Return whether the weights are a mean over seeds, and whether they were interpolated towards `start`."""
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
    on_validation = f"sum of accuracy and macro F1 on validation is not below that of {start}"
    if share == 1.0:
        return [*mean, f"Interpolation (WiSE-FT): not needed. The {weights} are kept; their {on_validation}."]
    why = (
        "The share was given, not searched."
        if run["averaged"].get("given")
        else f"This is the largest share of the {weights} whose {on_validation}."
    )
    parts = f"{share:.0%} of the {weights} and {1 - share:.0%} of the weights of {start}"
    return [*mean, f"Interpolation (WiSE-FT): {parts}. {why}"]


def best_epoch(run: dict[str, Any]) -> str:
    """Return a sentence with the best epoch; empty for an averaged run."""
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


def time_of(run: dict[str, Any]) -> str:
    """Return the seconds of a training, the hardware and the precision."""
    precision = _PRECISIONS.get(run["precision"], run["precision"])
    return f"{run['training_seconds']:.0f} s on {_hardware(run)}, {precision}"


def _hardware(run: dict[str, Any]) -> str:
    hardware = run["hardware"]
    if hardware["gpus"]:
        return f"{len(hardware['gpus'])} x {hardware['gpus'][0]}"
    return f"{hardware['cores']} cores of {hardware['cpu']}"
