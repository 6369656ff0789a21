"""Fine-tune a base with a recipe and return the run in memory; the commands write or score the run."""

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
from training.learn.vocabulary import kept_ids, pruned_tokenizer, shrink_embeddings
from training.output.provenance import provenance
from tweets.normalizer import NORMALIZERS


@dataclass(frozen=True, slots=True)
class Task:
    """The data, the labels, the base and the name of a model to train; the fields are options of `train`."""

    dataset: str
    labels: tuple[str, ...] | None
    """None: the labels of the training split."""
    add: str | None
    """A further data set whose split `train` is added to the training rows; None: no further data set."""
    base: str
    normalizer: str
    name: str | None
    """None: the name of a base of this package, else `emotion-` and the name of the base."""
    vocabulary_rows: int
    """Rows of the embedding table to keep; 0 keeps all rows."""
    limit: int | None
    """Use only the first `limit` rows of the training split; None: all rows."""


def seed_everything(seed: int) -> None:
    """Seed every random number generator that a base or a training run uses."""
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
    """Fine-tune a base on the training rows and select the best epoch on the validation rows; write no file.

    The run's `validation_logits` are the logits of the best epoch. `after_epoch` receives the scores of each epoch.
    Raises TrainingError if the vocabulary cannot be pruned, training diverges, or the GPU's memory is too small.
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
    keep = kept_ids(base.tokenizer, texts, rows=rows)
    tokenizer = pruned_tokenizer(base.tokenizer, keep)
    shrink_embeddings(base.model, keep, pad_id=tokenizer.token_to_id("[PAD]") or 0)
    return replace(base, tokenizer=tokenizer)


def _longest_input(base: Base) -> int:
    """Return the tokens that the base has positions for; 512, as in BERT, if its configuration has no such field."""
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
