"""Fine-tune a base with a recipe and return the run in memory; the commands write or score the run."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from training.data.data_file import recorded
from training.data.learning_data import LearningData
from training.data.mixed_data import MixedData
from training.learn.base import Base, is_served
from training.learn.calibration import calibrated_neutral, calibrated_temperature
from training.learn.checkpoint import Checkpoint
from training.learn.fine_tuning import AfterEpoch, FineTuned, fine_tune
from training.learn.neutral import add_neutral_output, remove_neutral_output
from training.learn.positions import positions
from training.learn.recipe import Recipe
from training.learn.rows import Encode, TrainingRows, encoder
from training.learn.run_folder import Run
from training.learn.teacher import SoftLabels
from training.learn.validation import validation_rows
from training.learn.vocabulary import kept_ids, pruned_tokenizer, shrink_embeddings
from training.output.progress import say
from training.output.provenance import provenance
from tweets.normalizer import NORMALIZERS
from worker.inference.model_config import MOST_TOKENS


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
    data: str | None = None
    """The file that lists several data sets, in place of `dataset` and `add`; None: one data set."""
    data_root: str = "."
    """The folder of the paths in the file."""
    teacher: tuple[str, ...] = ()
    """Folders of runs whose probabilities the model learns too."""


def seed_everything(seed: int) -> None:
    """Seed every random number generator that a base or a training run uses."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def fit(
    task: Task,
    recipe: Recipe,
    data: LearningData | MixedData,
    base: Base,
    *,
    soft_labels: SoftLabels | None = None,
    checkpoint: Checkpoint | None = None,
    after_epoch: AfterEpoch | None = None,
) -> Run:
    """Fine-tune a base on the training rows and select the best epoch on the validation rows; write no file.

    The run's `validation_logits` are the logits of the best epoch. `soft_labels` are those of the teachers for
    `data.texts`. `after_epoch` receives the scores of each epoch. Raises TrainingError if the vocabulary cannot be
    pruned, training diverges, or the GPU's memory is too small.
    """
    normalize = NORMALIZERS[task.normalizer]
    base = _pruned(base, [normalize(text) for text in data.texts], task.vocabulary_rows)
    max_tokens = _longest_text(base, recipe.max_tokens)
    encode = encoder(base.tokenizer, normalize=normalize, max_tokens=max_tokens)
    _fit_outputs(base, data)
    validation = validation_rows(data.validations, encode, data.labels)
    outcome = fine_tune(
        base.model,
        _training_rows(data, recipe, encode, soft_labels),
        validation,
        recipe,
        pad_id=base.model.config.pad_token_id or 0,
        checkpoint=checkpoint,
        after_epoch=after_epoch,
    )
    return Run(
        model=_on_cpu(base),
        tokenizer=base.tokenizer,
        name=task.name or _name_after(base),
        labels=data.labels,
        normalizer=task.normalizer,
        max_tokens=max_tokens,
        temperature=calibrated_temperature(validation, outcome.logits),
        dataset=data.specs[0].source if isinstance(data, MixedData) else task.dataset,
        record=_record(task, recipe, base, data, outcome) | ({} if soft_labels is None else soft_labels.record),
        neutral=calibrated_neutral(validation, outcome.logits),
        validation_logits=outcome.logits,
    )


def _fit_outputs(base: Base, data: LearningData | MixedData) -> None:
    """Give the base an output for neutral if the data knows neutral, else remove such an output."""
    if data.has_neutral:
        add_neutral_output(base.model)
    else:
        remove_neutral_output(base.model)


def _on_cpu(base: Base) -> PreTrainedModel:
    model: Any = base.model
    trained: PreTrainedModel = model.cpu().eval()
    return trained


def _training_rows(
    data: LearningData | MixedData, recipe: Recipe, encode: Encode, soft_labels: SoftLabels | None
) -> TrainingRows:
    return TrainingRows(
        data.parts,
        labels=len(data.labels),
        neutral=data.has_neutral,
        augmentation=recipe.augmentation,
        encode=encode,
        seed=recipe.seed,
        teacher=None if soft_labels is None else soft_labels.logs,
    )


def _name_after(base: Base) -> str:
    return base.name if base.history else "emotion-" + base.name.rstrip("/").rpartition("/")[2]


def _pruned(base: Base, texts: Sequence[str], rows: int) -> Base:
    if rows == 0 or rows >= base.model.config.vocab_size or not is_served(base):
        return base
    keep = kept_ids(base.tokenizer, texts, rows=rows)
    tokenizer = pruned_tokenizer(base.tokenizer, keep)
    shrink_embeddings(base.model, keep, pad_id=tokenizer.token_to_id("[PAD]") or 0)
    return replace(base, tokenizer=tokenizer)


def _longest_text(base: Base, max_tokens: int) -> int:
    """Return `max_tokens`, or the tokens that the base has positions for and a worker serves, if these are fewer."""
    most = min(positions(base.model), MOST_TOKENS)
    if max_tokens > most:
        say(f"texts are cut after {most} tokens instead of --max-tokens {max_tokens}: base {base.name} reads no more")
    return min(max_tokens, most)


def _record(
    task: Task, recipe: Recipe, base: Base, data: LearningData | MixedData, outcome: FineTuned
) -> dict[str, Any]:
    return {
        "base": base.name,
        "started_from": base.history,
        "recipe": recipe.as_dict(),
        "vocabulary_rows": base.model.config.vocab_size,
        "limit": task.limit,
        "add": task.add,
        "data": data.digests(),
        **(_mixture(task, data) if isinstance(data, MixedData) else {}),
        "best_epoch": outcome.best_epoch,
        "epochs": outcome.epochs,
        "training_seconds": round(outcome.seconds, 1),
        "device": outcome.device,
        "precision": outcome.precision,
        "threads": torch.get_num_threads(),
        **provenance(),
    }


def _mixture(task: Task, data: MixedData) -> dict[str, Any]:
    """Return the data sets of the run, as a data file would list them, and the rows that were left out."""
    return {"datasets": recorded(data.specs), "data_root": task.data_root, "left_out": data.left_out}
