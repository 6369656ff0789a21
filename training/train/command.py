"""`train`: fine-tune a base on a data set and write the folder of the run."""

import hashlib
import json
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from accelerate import PartialState

from training.data.data_file import read_data_file
from training.data.learning_data import LearningData, read_learning_data
from training.data.mixed_data import MixedData, read_mixed_data
from training.learn.base import Base, is_served, load_base
from training.learn.checkpoint import Checkpoint
from training.learn.fit import Task, fit, seed_everything
from training.learn.recipe import Recipe
from training.learn.run_folder import (
    Run,
    is_finished,
    read_run,
    validation_scores,
    weights_digest,
    write_run,
)
from training.learn.teacher import SoftLabels, soft_labels
from training.output.errors import TrainingError
from training.output.own_folder import RUN_FOLDER, own_files
from training.output.progress import say
from training.output.provenance import provenance
from training.output.whole_folder import whole_folder
from training.train.curves import draw_curves
from tweets.normalizer import NORMALIZERS


def train(task: Task, recipe: Recipe, folder: Path, *, served: bool = True, again: bool = True) -> dict[str, Any]:
    """Fine-tune, write the run into `folder` and return the run's summary; an error leaves no incomplete folder.

    An interrupted run leaves its checkpoint beside the folder, and the same command resumes from the checkpoint. With
    `again` False, a finished run of the same arguments, data and versions in the folder is kept. `served` is whether
    the run will be exported for a worker. Of several processes under `accelerate launch` only the main process writes.
    Raises TrainingError if the data, the base or the folder cannot be used.
    """
    if again:
        own_files(folder, RUN_FOLDER)  # fail before the data is read
    data = _read_data(task)
    seed_everything(recipe.seed)
    base = load_base(task.base, data.labels)
    if served:
        _require_served_padding(base)
    say(f"base {base.name}, {data.described()}")
    soft = _soft_labels(task, data, folder.parent)
    identity = _identity(task, recipe, base, data, soft)
    if not again and is_finished(folder, identity):
        say(f"{folder}: this run is finished and is kept")
        return _summary(folder, read_run(folder))
    own_files(folder, RUN_FOLDER)
    checkpoint = Checkpoint(folder.with_name(folder.name + ".checkpoint"), identity)
    with whole_folder(folder, replaces=RUN_FOLDER) if is_main_process() else nullcontext() as temporary:
        run = fit(task, recipe, data, base, soft_labels=soft, checkpoint=checkpoint)
        run.record["identity"] = identity
        if temporary is not None:
            write_run(temporary, run)
            draw_curves(run.record["epochs"], run.record["best_epoch"], temporary / "learning.png", title=run.name)
    if is_main_process():
        checkpoint.delete()
    return _summary(folder, run)


def is_main_process() -> bool:
    """Return whether this process is the one that writes files."""
    return bool(PartialState().is_main_process)


def _read_data(task: Task) -> LearningData | MixedData:
    if task.data is None:
        return read_learning_data(task.dataset, task.labels, add=task.add, limit=task.limit)
    specs = read_data_file(Path(task.data), root=Path(task.data_root), labels=task.labels)
    normalize = NORMALIZERS[task.normalizer]
    return read_mixed_data(specs, normalize=normalize, limit=task.limit, skipped=bool(task.teacher))


def _soft_labels(task: Task, data: LearningData | MixedData, kept_in: Path) -> SoftLabels | None:
    if not task.teacher:
        return None
    teachers = [Path(teacher) for teacher in task.teacher]
    with PartialState().main_process_first():  # the other processes read the files that the main process has written
        return soft_labels(teachers, data.texts, data.labels, neutral=data.has_neutral, kept_in=kept_in)


def _identity(task: Task, recipe: Recipe, base: Base, data: LearningData | MixedData, soft: SoftLabels | None) -> str:
    """Return a SHA-256 of everything that determines the weights, except the hardware."""
    arguments = {name: value for name, value in asdict(task).items() if name not in _FOLDERS}
    weights = weights_digest(base.model)
    sources = base.name, base.history, weights, data.sha256(), None if soft is None else soft.sha256()
    parts = arguments, recipe.as_dict(), sources, provenance()["versions"]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


_FOLDERS: Final = ("data", "data_root", "teacher", "base")
"""The fields of a task that may name folders: what the folders contain determines the weights, not their paths."""


def _require_served_padding(base: Base) -> None:
    """Raise TrainingError unless the base pads with id 0: the worker pads with 0."""
    if not is_served(base):
        raise TrainingError(
            f"base {base.name!r}: the base pads with id {base.model.config.pad_token_id}, but the worker pads with id "
            "0; choose a base such as BERT, or give --no-export if the run becomes a teacher"
        )


def _summary(folder: Path, run: Run) -> dict[str, Any]:
    best = validation_scores(run.record)
    return {
        "run": str(folder),
        "name": run.name,
        "base": run.record["base"],
        "labels": list(run.labels),
        "best_epoch": run.record["best_epoch"],
        "validation_accuracy": best["accuracy"],
        "validation_macro_f1": best["macro_f1"],
        "temperature": run.temperature,
        "training_seconds": run.record["training_seconds"],
    }
