"""One fine-tuning run, from a task and a recipe to a run in memory; commands decide what becomes of it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from training.data.learning_data import LearningData
from training.learn.base import Base
from training.learn.checkpoint import Checkpoint
from training.learn.fine_tuning import AfterEpoch, FineTuned, fine_tune
from training.learn.recipe import Recipe
from training.learn.rows import Examples, TrainingRows, encoder
from training.learn.run_folder import Run
from training.learn.temperature import fit_temperature
from training.learn.vocabulary import kept_pieces, pruned_tokenizer, shrink_embeddings
from training.output.provenance import provenance
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


def seed_everything(seed: int) -> None:
    """Seed every random number generator that a base or a training run draws from."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


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


def _record(task: Task, recipe: Recipe, base: Base, data: LearningData, outcome: FineTuned) -> dict[str, Any]:
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
