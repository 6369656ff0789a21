"""`train`: from a data set and a base to a training run."""

import random
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState

from training.base import Base, load_base
from training.data import TRAIN, VALIDATION, Split, find_labels, read_split, require_every_class
from training.errors import TrainingError
from training.finetune import Examples, Outcome, fine_tune
from training.folders import whole_folder
from training.progress import say
from training.provenance import provenance
from training.recipe import Recipe
from training.run_folder import RUN_FILE, Run, write_run
from training.temperature import fit_temperature
from training.tokens import encode
from training.vocabulary import kept_pieces, pruned_tokenizer, shrink_embeddings
from worker.normalizer import NORMALIZERS


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be learnt, from what, and under which name."""

    dataset: str
    labels: tuple[str, ...] | None
    """None: those of the training split."""
    base: str
    normalizer: str
    name: str | None
    """None: `emotion-` and the base."""
    vocabulary_rows: int
    """Rows to keep of the embedding table; 0 keeps all."""
    limit: int | None
    """Use only so many rows of the training split."""


def train(task: Task, recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Fine-tune and write a training run; return its summary. Nothing is left behind if it fails.

    Of several processes under `accelerate launch` only the main one writes.
    """
    with whole_folder(folder, replaces=RUN_FILE) if is_main_process() else nullcontext() as beside:
        labels = task.labels or find_labels(task.dataset)
        learnt = read_split(task.dataset, TRAIN, labels, limit=task.limit)
        require_every_class(learnt, labels)
        judged = read_split(task.dataset, VALIDATION, labels)
        _seed(recipe.seed)
        base = load_base(task.base, labels)
        say(f"base {base.name}, {len(learnt)} training rows, {len(judged)} validation rows, {len(labels)} labels")
        run = _fine_tuned(task, recipe, base, (learnt, judged), labels=labels)
        if beside is not None:
            write_run(beside, run)
    return _summary(folder, run)


def is_main_process() -> bool:
    """Whether this process is the one that writes."""
    return bool(PartialState().is_main_process)


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def _fine_tuned(task: Task, recipe: Recipe, base: Base, splits: tuple[Split, Split], *, labels: Sequence[str]) -> Run:
    """Train on the first split, choose on the second."""
    learnt, judged = splits
    normalize = NORMALIZERS[task.normalizer]
    base = _pruned(base, [normalize(text) for text in learnt.texts], task.vocabulary_rows)
    max_tokens = min(recipe.max_tokens, _longest_input(base))
    train_examples, validation_examples = (
        Examples(encode(base.tokenizer, split.texts, normalize=normalize, max_tokens=max_tokens), split.targets)
        for split in splits
    )
    outcome = fine_tune(base.model, train_examples, validation_examples, recipe, labels=labels, pad_id=_pad_id(base))
    model: Any = base.model
    return Run(
        model=model.cpu().eval(),
        tokenizer=base.tokenizer,
        name=task.name or "emotion-" + base.name.rstrip("/").rpartition("/")[2],
        labels=tuple(labels),
        normalizer=task.normalizer,
        max_tokens=max_tokens,
        temperature=fit_temperature(outcome.logits, judged.targets),
        dataset=task.dataset,
        record=_record(task, recipe, base, splits, outcome),
    )


def _pruned(base: Base, texts: Sequence[str], rows: int) -> Base:
    if rows == 0 or rows >= base.model.config.vocab_size:
        return base
    keep = kept_pieces(base.tokenizer, texts, rows=rows)
    tokenizer = pruned_tokenizer(base.tokenizer, keep)
    shrink_embeddings(base.model, keep, pad_id=tokenizer.token_to_id("[PAD]") or 0)
    return Base(base.name, base.model, tokenizer)


def _longest_input(base: Base) -> int:
    return int(getattr(base.model.config, "max_position_embeddings", 512))


def _pad_id(base: Base) -> int:
    """Return the id that fills up rows; the worker pads with 0, so nothing else can be served."""
    number = base.model.config.pad_token_id
    if number not in (0, None):
        raise TrainingError(f"base {base.name!r}: pads with id {number}, the worker with 0; choose a BERT-like base")
    return 0


def _record(task: Task, recipe: Recipe, base: Base, splits: tuple[Split, Split], outcome: Outcome) -> dict[str, Any]:
    return {
        "base": base.name,
        "recipe": recipe.as_dict(),
        "vocabulary_rows": base.model.config.vocab_size,
        "limit": task.limit,
        "data": {split.name: {"rows": len(split), "sha256": split.sha256()} for split in splits},
        "best_epoch": outcome.best_epoch,
        "epochs": outcome.epochs,
        "training_seconds": round(outcome.seconds, 1),
        "device": outcome.device,
        "precision": outcome.precision,
        **provenance(),
    }


def _summary(folder: Path, run: Run) -> dict[str, Any]:
    best = run.record["epochs"][run.record["best_epoch"] - 1]
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
