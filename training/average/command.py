"""`average`: average the weights of runs with different seeds, and interpolate between the mean and their start.

Runs that start from the same weights and differ only in the seed end with similar weights, so the mean of the weights
is a model too. This model usually makes fewer errors than each run alone, above all on texts unlike the training data
(model soups, Wortsman et al. 2022).
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.average.interpolate import Weights
from training.average.mean import average_runs
from training.data.recorded_data import recorded_validations
from training.learn.base import load_base
from training.learn.run_folder import (
    Run,
    is_finished,
    read_run,
    require_siblings,
    validation_scores,
    weights_digest,
    write_run,
)
from training.output.errors import TrainingError
from training.output.own_folder import RUN_FOLDER
from training.output.progress import say
from training.output.provenance import provenance
from training.output.whole_folder import whole_folder


def average(
    folders: Sequence[Path],
    target: Path,
    *,
    towards: Path | None = None,
    share: float | None = None,
    dataset: str | None = None,
    data_root: Path | None = None,
    again: bool = True,
) -> dict[str, Any]:
    """Write the run with the mean of the runs' weights into `target` and return its summary.

    `towards` is the run or model folder from which all runs started: the written weights are interpolated between the
    start and the mean (see `interpolate`), with `share` of the mean if given. `dataset` replaces the path of the data
    set that the runs recorded, `data_root` the root of their several data sets. With `again` False, a finished mean of
    the same runs is kept. Raises TrainingError if the runs differ in recipe or start, two runs have the same seed, or
    `share` has no start.
    """
    if share is not None and towards is None:
        raise TrainingError("--share needs --towards: the share is that of the trained weights, the rest is the start")
    runs = [read_run(run) for run in folders]
    _require_common_start(folders, runs)
    made_from = _made_from(runs, towards, share)
    if not again and is_finished(target, made_from):
        say(f"{target}: this mean is finished and is kept")
        return _summary(target, read_run(target))
    with whole_folder(target, replaces=RUN_FOLDER) as folder:
        start = None if towards is None else _start(towards, runs[0])
        validations = recorded_validations(
            runs[0].record, runs[0].labels, dataset=dataset or runs[0].dataset, root=data_root
        )
        run = average_runs(runs, start, validations, share=share)
        run.record["identity"] = made_from
        write_run(folder, run)
    scores = validation_scores(run.record)
    say(f"mean of {len(runs)} seeds: validation accuracy {scores['accuracy']:.4f}, macro F1 {scores['macro_f1']:.4f}")
    return _summary(target, run)


def _made_from(runs: Sequence[Run], towards: Path | None, share: float | None) -> str:
    """Return a SHA-256 of the weights of the runs and of the start."""
    weights = [weights_digest(run.model) for run in runs]
    start = None if towards is None else weights_digest(load_base(str(towards), runs[0].labels).model)
    return hashlib.sha256(json.dumps([weights, start, share, provenance()["versions"]]).encode()).hexdigest()


def _summary(target: Path, run: Run) -> dict[str, Any]:
    scores = validation_scores(run.record)
    return {
        "run": str(target),
        "name": run.name,
        "seeds": run.record["recipe"]["seed"],
        **{f"validation_{name}": value for name, value in scores.items()},
        "temperature": run.temperature,
        "training_seconds": run.record["training_seconds"],
    }


def _require_common_start(folders: Sequence[Path], runs: Sequence[Run]) -> None:
    first, seeds = runs[0].record, set()
    for folder, run in zip(folders, runs, strict=True):
        require_siblings(first, run.record, folder)
        if run.record["started_from"] is None:
            raise TrainingError(f"{folder}: started from a plain base; give runs whose --base is a run or model folder")
        if run.record["started_from"] != first["started_from"]:
            raise TrainingError(f"{folder}: started from another --base than {folders[0]}; give runs with one --base")
        if run.record["recipe"]["seed"] in seeds:
            raise TrainingError(
                f"{folder}: another run has seed {run.record['recipe']['seed']} too; give runs with different seeds"
            )
        seeds.add(run.record["recipe"]["seed"])


def _start(folder: Path, run: Run) -> Weights:
    base = load_base(str(folder), run.labels)
    if base.history != run.record["started_from"]:
        raise TrainingError(
            f"--towards {folder}: the runs did not start from this folder; give the run or model folder of their --base"
        )
    weights: Weights = base.model.state_dict()
    return {**run.model.state_dict(), **weights}  # the start may have no neutral output yet: that of the runs stays
