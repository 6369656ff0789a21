"""`train`: fine-tune a base on a data set and write the folder of the run."""

import hashlib
import json
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from accelerate import PartialState

from training.data.learning_data import LearningData, read_learning_data
from training.learn.base import Base, load_base
from training.learn.checkpoint import Checkpoint
from training.learn.fit import Task, fit, seed_everything
from training.learn.recipe import Recipe
from training.learn.run_folder import RUN_FILE, Run, validation_scores, write_run
from training.output.errors import TrainingError
from training.output.progress import say
from training.output.provenance import provenance
from training.output.whole_folder import whole_folder
from training.train.curves import draw_curves


def train(task: Task, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Fine-tune, write the run into `folder` and return the run's summary; an error leaves no incomplete folder.

    An interrupted run leaves its checkpoint beside the folder, and the same command resumes from the checkpoint. Of
    several processes under `accelerate launch` only the main process writes. Raises TrainingError if the data, the base
    or the folder cannot be used.
    """
    with whole_folder(folder, replaces=RUN_FILE) if is_main_process() else nullcontext() as temporary:
        data = read_learning_data(task.dataset, task.labels, add=task.add, limit=task.limit)
        seed_everything(recipe.seed)
        base = load_base(task.base, data.labels)
        _require_served_padding(base)
        say(f"base {base.name}, {data.described()}")
        checkpoint = Checkpoint(folder.with_name(folder.name + ".checkpoint"), _identity(task, recipe, base, data))
        run = fit(task, recipe, data, base, checkpoint=checkpoint)
        if temporary is not None:
            write_run(temporary, run)
            draw_curves(run.record["epochs"], run.record["best_epoch"], temporary / "learning.png", title=run.name)
    if is_main_process():
        checkpoint.delete()
    return _summary(folder, run)


def is_main_process() -> bool:
    """Return whether this process is the one that writes files."""
    return bool(PartialState().is_main_process)


def _identity(task: Task, recipe: Recipe, base: Base, data: LearningData) -> str:
    """Return a SHA-256 of everything that determines the weights, except the hardware."""
    parts = asdict(task), recipe.as_dict(), base.name, base.history, data.sha256(), provenance()["versions"]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _require_served_padding(base: Base) -> None:
    """Raise TrainingError unless the base pads with id 0: the worker pads with 0."""
    number = base.model.config.pad_token_id
    if number not in (0, None):
        raise TrainingError(
            f"base {base.name!r}: the base pads with id {number}, but the worker pads with id 0; "
            "choose a base such as BERT"
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
