"""`average`: one model out of several seeds, the mean of their weights.

Runs that start from the same weights and differ in the seed alone end close enough for their mean to be a model; it
errs less than each of them, most of all on texts unlike the data (model soups, Wortsman et al. 2022).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from training.data import VALIDATION, Split, read_split
from training.errors import TrainingError
from training.finetune import predict
from training.folders import whole_folder
from training.progress import say
from training.run_folder import RUN_FILE, Run, judged, read_run, require_siblings, write_run
from training.scores import score, softmax
from training.temperature import fit_temperature
from training.tokens import encode
from worker.normalizer import NORMALIZERS


def average(folders: Sequence[Path], target: Path, *, dataset: str | None = None) -> dict[str, Any]:
    """Write the run whose weights are the mean of the given runs' and return its summary.

    `dataset` is where the runs' data set lies now, if it has moved. Raises TrainingError for runs that are not
    siblings: another recipe, another start, or the same seed twice.
    """
    with whole_folder(target, replaces=RUN_FILE) as folder:
        runs = [read_run(one) for one in folders]
        _require_a_common_start(folders, runs)
        first = runs[0]
        validation = read_split(dataset or first.dataset, VALIDATION, first.labels)
        first.model.load_state_dict(_mean([run.model.state_dict() for run in runs]))
        run = _averaged(runs, validation)
        write_run(folder, run)
    say(f"the mean of {len(runs)} seeds: validation {_told(judged(run.record))}")
    return {
        "run": str(target),
        "name": run.name,
        "seeds": run.record["recipe"]["seed"],
        **{f"validation_{name}": figure for name, figure in judged(run.record).items()},
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


def _mean(weights: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    return {name: torch.stack([one[name] for one in weights]).mean(dim=0) for name in weights[0]}


def _averaged(runs: Sequence[Run], validation: Split) -> Run:
    """The first run's model carries the mean already."""
    first = runs[0]
    logits = _logits(first, validation)
    scores = score(softmax(logits), validation.targets, first.labels)
    members = [{"seed": run.record["recipe"]["seed"], **_story(run.record)} for run in runs]
    record = {name: value for name, value in first.record.items() if name not in _OF_ONE_SEED} | {
        "recipe": {**first.record["recipe"], "seed": [member["seed"] for member in members]},
        "averaged": {"accuracy": round(scores.accuracy, 6), "macro_f1": round(scores.macro_f1, 6), "seeds": members},
        "training_seconds": round(sum(member["training_seconds"] for member in members), 1),
    }
    return Run(
        model=first.model,
        tokenizer=first.tokenizer,
        name=first.name,
        labels=first.labels,
        normalizer=first.normalizer,
        max_tokens=first.max_tokens,
        temperature=fit_temperature(logits, validation.targets),
        dataset=first.dataset,
        record=record,
        validation_logits=logits,
    )


_OF_ONE_SEED = ("epochs", "best_epoch", "interpolated")


def _story(record: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: record[name] for name in (*_OF_ONE_SEED, "training_seconds", "hardware") if name in record}
    return {**kept, **judged(record)}


def _logits(run: Run, validation: Split) -> npt.NDArray[np.float32]:
    ids = encode(run.tokenizer, validation.texts, normalize=NORMALIZERS[run.normalizer], max_tokens=run.max_tokens)
    return predict(run.model, ids)


def _told(figures: Mapping[str, float]) -> str:
    return f"accuracy {figures['accuracy']:.4f}, macro F1 {figures['macro_f1']:.4f}"
