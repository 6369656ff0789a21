"""`average`: one model out of several seeds, the mean of their weights, and back towards their start where that helps.

Runs that start from the same weights and differ in the seed alone end close enough for their mean to be a model; it
errs less than each of them, most of all on texts unlike the data (model soups, Wortsman et al. 2022).
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from training.average.interpolate import Between, Weights, interpolate
from training.data.splits import VALIDATION, Split, read_split
from training.learn.base import load_base
from training.learn.predict import predict
from training.learn.run_folder import RUN_FILE, Run, judged, read_run, require_siblings, write_run
from training.learn.temperature import fit_temperature
from training.learn.tokens import encode
from training.output.errors import TrainingError
from training.output.progress import say
from training.output.whole_folder import whole_folder
from worker.normalizer import NORMALIZERS


def average(
    folders: Sequence[Path], target: Path, *, towards: Path | None = None, dataset: str | None = None
) -> dict[str, Any]:
    """Write the run whose weights are the mean of the given runs' and return its summary.

    With `towards`, the folder that all of them started from, the mean goes back towards it as far as validation asks.
    `dataset` is where the runs' data set lies now, if it has moved. Raises TrainingError for runs that are not
    siblings: another recipe, another start, or the same seed twice.
    """
    with whole_folder(target, replaces=RUN_FILE) as folder:
        runs = [read_run(one) for one in folders]
        _require_a_common_start(folders, runs)
        start = None if towards is None else _start(towards, runs[0])
        validation = read_split(dataset or runs[0].dataset, VALIDATION, runs[0].labels)
        run = _averaged(runs, start, validation)
        write_run(folder, run)
    figures = judged(run.record)
    say(f"the mean of {len(runs)} seeds: validation {_told(figures)}")
    return {
        "run": str(target),
        "name": run.name,
        "seeds": run.record["recipe"]["seed"],
        **{f"validation_{name}": figure for name, figure in figures.items()},
        "temperature": run.temperature,
        "training_seconds": run.record["training_seconds"],
    }


def _require_a_common_start(folders: Sequence[Path], runs: Sequence[Run]) -> None:
    first, seeds = runs[0].record, set()
    for folder, run in zip(folders, runs, strict=True):
        require_siblings(first, run.record, folder)
        if run.record["started_from"] is None or run.record["started_from"] != first["started_from"]:
            raise TrainingError(f"{folder}: did not start from the trained model that {folders[0]} started from")
        if run.record["recipe"]["seed"] in seeds:
            raise TrainingError(f"{folder}: seed {run.record['recipe']['seed']} is there already; give other seeds")
        seeds.add(run.record["recipe"]["seed"])


def _start(folder: Path, run: Run) -> Weights:
    base = load_base(str(folder), run.labels)
    if base.history != run.record["started_from"]:
        raise TrainingError(f"--towards {folder}: is not what the runs started from; give that run or model folder")
    weights: Weights = base.model.state_dict()
    return weights


def _averaged(runs: Sequence[Run], start: Weights | None, validation: Split) -> Run:
    first = runs[0]
    normalize = NORMALIZERS[first.normalizer]
    ids = encode(first.tokenizer, validation.texts, normalize=normalize, max_tokens=first.max_tokens)
    scores = partial(predict, first.model, ids)

    def settled(weights: Weights) -> Between:
        """Leaves the weights, or those between them and the start, in the first run's model."""
        first.model.load_state_dict(weights)
        return interpolate(first.model, start, scores, validation.targets, first.labels)

    weights = [{name: weight.clone() for name, weight in run.model.state_dict().items()} for run in runs]
    members = [_member(run, None if start is None else settled(one)) for run, one in zip(runs, weights, strict=True)]
    mean = settled({name: torch.stack([one[name] for one in weights]).mean(dim=0) for name in weights[0]})
    record = {name: value for name, value in first.record.items() if name not in _OF_ONE_SEED} | {
        "recipe": {**first.record["recipe"], "seed": [member["seed"] for member in members]},
        "averaged": {**mean.as_dict(), "seeds": members},
        "training_seconds": round(sum(member["training_seconds"] for member in members), 1),
    }
    return Run(
        model=first.model,
        tokenizer=first.tokenizer,
        name=first.name,
        labels=first.labels,
        normalizer=first.normalizer,
        max_tokens=first.max_tokens,
        temperature=fit_temperature(mean.logits, validation.targets),
        dataset=first.dataset,
        record=record,
        validation_logits=mean.logits,
    )


_OF_ONE_SEED = ("epochs", "best_epoch")


def _member(run: Run, between: Between | None) -> dict[str, Any]:
    """Tell a seed's story: its epochs, its scores, and what it would have been alone on the way to the start."""
    record = run.record
    kept = {name: record[name] for name in (*_OF_ONE_SEED, "training_seconds", "hardware", "precision")}
    alone = {} if between is None else {"interpolated": between.as_dict()}
    return {"seed": record["recipe"]["seed"], **kept, **judged(record), **alone}


def _told(figures: Mapping[str, float]) -> str:
    return f"accuracy {figures['accuracy']:.4f}, macro F1 {figures['macro_f1']:.4f}"
