"""`train`: from a data set and a base to a training run."""

import hashlib
import json
import random
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState

from training.base import Base, load_base
from training.checkpoint import Checkpoint
from training.curves import draw_curves
from training.data import LearningData, read_learning_data
from training.errors import TrainingError
from training.finetune import AfterEpoch, Outcome, fine_tune
from training.folders import whole_folder
from training.progress import say
from training.provenance import provenance
from training.recipe import Recipe
from training.rows import Examples, TrainingRows, encoder
from training.run_folder import RUN_FILE, Run, judged, write_run
from training.temperature import fit_temperature
from training.vocabulary import kept_pieces, pruned_tokenizer, shrink_embeddings
from tweets.normalizer import NORMALIZERS


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be learnt, from what, and under which name."""

    dataset: str
    labels: tuple[str, ...] | None
    """None: those of the training split."""
    add: str | None
    """A data set whose split `train` is learnt too; None: no other."""
    base: str
    normalizer: str
    name: str | None
    """None: `emotion-` and the base."""
    vocabulary_rows: int
    """Rows to keep of the embedding table; 0 keeps all."""
    limit: int | None
    """Use only so many rows of the training split."""


def train(task: Task, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Fine-tune and write a training run; return its summary. Nothing half-written is left if it fails.

    An interrupted run leaves its checkpoint beside the folder, and the same command goes on from there. Of several
    processes under `accelerate launch` only the main one writes.
    """
    with whole_folder(folder, replaces=RUN_FILE) if is_main_process() else nullcontext() as beside:
        data = read_learning_data(task.dataset, task.labels, add=task.add, limit=task.limit)
        seed_everything(recipe.seed)
        base = load_base(task.base, data.labels)
        _require_served_padding(base)
        say(f"base {base.name}, {data.described()}")
        checkpoint = Checkpoint(folder.with_name(folder.name + ".checkpoint"), _identity(task, recipe, base, data))
        run = fit(task, recipe, data, base, checkpoint=checkpoint)
        if beside is not None:
            write_run(beside, run)
            draw_curves(run.record["epochs"], run.record["best_epoch"], beside / "learning.png", title=run.name)
    if is_main_process():
        checkpoint.delete()
    return _summary(folder, run)


def is_main_process() -> bool:
    """Whether this process is the one that writes."""
    return bool(PartialState().is_main_process)


def seed_everything(seed: int) -> None:
    """Seed every random number generator that a base or a training run draws from."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def _identity(task: Task, recipe: Recipe, base: Base, data: LearningData) -> str:
    """Return a digest of everything that decides the weights, the hardware apart."""
    parts = asdict(task), recipe.as_dict(), base.name, base.history, data.sha256(), provenance()["versions"]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def fit(
    task: Task,
    recipe: Recipe,
    data: LearningData,
    base: Base,
    *,
    checkpoint: Checkpoint | None = None,
    after_epoch: AfterEpoch | None = None,
) -> Run:
    """Fine-tune a base: learn from the one split, choose the best epoch on the other; nothing is written.

    The logits of the best epoch on validation stand in the run's `validation_logits`.
    """
    normalize = NORMALIZERS[task.normalizer]
    base = _pruned(base, [normalize(text) for text in data.texts], task.vocabulary_rows)
    max_tokens = min(recipe.max_tokens, _longest_input(base))
    encode = encoder(base.tokenizer, normalize=normalize, max_tokens=max_tokens)
    rows = TrainingRows(data.texts, data.targets, recipe.augmentation, encode, recipe.seed)
    validation = Examples(encode(data.validation.texts), data.validation.targets)
    outcome = fine_tune(
        base.model,
        rows,
        validation,
        recipe,
        labels=data.labels,
        pad_id=base.model.config.pad_token_id or 0,
        checkpoint=checkpoint,
        after_epoch=after_epoch,
    )
    model: Any = base.model
    model.cpu().eval()
    return Run(
        model=model,
        tokenizer=base.tokenizer,
        name=task.name or _name_after(base),
        labels=data.labels,
        normalizer=task.normalizer,
        max_tokens=max_tokens,
        temperature=fit_temperature(outcome.logits, data.validation.targets),
        dataset=task.dataset,
        record=_record(task, recipe, base, data, outcome),
        validation_logits=outcome.logits,
    )


def _name_after(base: Base) -> str:
    return base.name if base.history else "emotion-" + base.name.rstrip("/").rpartition("/")[2]


def _pruned(base: Base, texts: Sequence[str], rows: int) -> Base:
    if rows == 0 or rows >= base.model.config.vocab_size:
        return base
    keep = kept_pieces(base.tokenizer, texts, rows=rows)
    tokenizer = pruned_tokenizer(base.tokenizer, keep)
    shrink_embeddings(base.model, keep, pad_id=tokenizer.token_to_id("[PAD]") or 0)
    return replace(base, tokenizer=tokenizer)


def _longest_input(base: Base) -> int:
    return int(getattr(base.model.config, "max_position_embeddings", 512))


def _require_served_padding(base: Base) -> None:
    """The worker fills rows up with id 0, so nothing else can be served."""
    number = base.model.config.pad_token_id
    if number not in (0, None):
        raise TrainingError(f"base {base.name!r}: pads with id {number}, the worker with 0; choose a BERT-like base")


def _record(task: Task, recipe: Recipe, base: Base, data: LearningData, outcome: Outcome) -> dict[str, Any]:
    return {
        "base": base.name,
        "started_from": base.history,
        "recipe": recipe.as_dict(),
        "vocabulary_rows": base.model.config.vocab_size,
        "limit": task.limit,
        "add": task.add,
        "data": data.digests(),
        "best_epoch": outcome.best_epoch,
        "epochs": outcome.epochs,
        "training_seconds": round(outcome.seconds, 1),
        "device": outcome.device,
        "precision": outcome.precision,
        "threads": torch.get_num_threads(),
        **provenance(),
    }


def _summary(folder: Path, run: Run) -> dict[str, Any]:
    best = judged(run.record)
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
