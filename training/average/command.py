"""`average`: one model out of several seeds, the mean of their weights, and back towards their start where that helps.

Runs that start from the same weights and differ in the seed alone end close enough for their mean to be a model; it
errs less than each of them, most of all on texts unlike the data (model soups, Wortsman et al. 2022).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.average.interpolate import Weights
from training.average.mean import averaged
from training.data.splits import VALIDATION, read_split
from training.learn.base import load_base
from training.learn.run_folder import RUN_FILE, Run, judged, read_run, require_siblings, write_run
from training.output.errors import TrainingError
from training.output.progress import say
from training.output.whole_folder import whole_folder


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
        run = averaged(runs, start, validation)
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


def _told(figures: Mapping[str, float]) -> str:
    return f"accuracy {figures['accuracy']:.4f}, macro F1 {figures['macro_f1']:.4f}"
