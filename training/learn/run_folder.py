"""Read and write the folder of a training run: weights in full precision, tokenizer, and the record of the run."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from training.learn.calibration import NeutralCalibration
from training.learn.listed_files import listed_files
from training.learn.neutral import load_neutral_output
from training.learn.positions import positions
from training.learn.validation import Logits
from training.output.errors import TrainingError, reason_of
from training.output.json_file import write_json
from training.output.own_folder import RUN_FOLDER
from tweets.normalizer import NORMALIZERS
from worker.inference.model_config import (
    checked_labels,
    checked_max_tokens,
    checked_name,
    checked_temperature,
    read_json,
)
from worker.inference.neutral import NeutralCalibration as ServedCalibration
from worker.inference.tokenizer_file import read_tokenizer

RUN_FILE: Final = RUN_FOLDER.file
WEIGHTS_FILE: Final = "model.safetensors"
TOKENIZER_FILE: Final = "tokenizer.json"
LOGITS_FILE: Final = "validation-logits.npy"


@dataclass(frozen=True, slots=True)
class Run:
    """A fine-tuned model, and the content of its `run.json`."""

    model: PreTrainedModel
    tokenizer: Tokenizer
    name: str
    labels: tuple[str, ...]
    normalizer: str
    max_tokens: int
    temperature: float
    dataset: str
    record: dict[str, Any]
    """Arguments, seed, epochs, data hashes, versions, hardware, seconds."""
    neutral: NeutralCalibration | None = None
    """The calibration of the neutral output; None for a model without this output."""
    validation_logits: Logits | None = None
    """Logits on the validation rows of all data sets, [rows, outputs]; None in a run that `read_run` has read."""


def validation_scores(record: Mapping[str, Any]) -> dict[str, float]:
    """Return the accuracy and macro-F1 of a run's final weights on validation, from the run's record."""
    final: Mapping[str, Any] = record.get("averaged") or record["epochs"][record["best_epoch"] - 1]
    return {name: float(final[name]) for name in ("accuracy", "macro_f1")}


def weights_digest(model: PreTrainedModel) -> str:
    """Return the SHA-256 of a model's weights."""
    digest = hashlib.sha256()
    for tensor in model.state_dict().values():
        digest.update(tensor.cpu().numpy().tobytes())
    return digest.hexdigest()


def is_finished(folder: Path, identity: str) -> bool:
    """Return whether the folder holds a run with this identity: a SHA-256 of what determines its weights."""
    try:
        record = read_json(folder / RUN_FILE)
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and record.get("identity") == identity


def require_siblings(one: Mapping[str, Any], other: Mapping[str, Any], folder: Path) -> None:
    """Raise TrainingError unless the recipes of two records differ in the seed alone; `folder` holds the other run."""
    if {**other["recipe"], "seed": 0} != {**one["recipe"], "seed": 0}:
        raise TrainingError(f"{folder}: trained with another recipe; give runs that differ only in the seed")


def write_run(folder: Path, run: Run) -> None:
    """Write the run into an existing folder."""
    run.model.save_pretrained(folder)
    run.tokenizer.save(str(folder / TOKENIZER_FILE))
    described = {
        "name": run.name,
        "labels": list(run.labels),
        "normalizer": run.normalizer,
        "max_tokens": run.max_tokens,
        "temperature": run.temperature,
        "dataset": run.dataset,
        **({} if run.neutral is None else {"neutral": run.neutral.as_dict()}),
    }
    if run.validation_logits is not None:
        np.save(folder / LOGITS_FILE, run.validation_logits, allow_pickle=False)
    write_json(folder / RUN_FILE, {**described, **run.record})


def read_run(folder: Path) -> Run:
    """Read a run from its folder. Raises TrainingError if the folder is not a complete run."""
    record = read_record(folder)
    try:
        with listed_files(folder) as listed:
            model = AutoModelForSequenceClassification.from_pretrained(
                listed, dtype=torch.float32, use_safetensors=True, local_files_only=True, trust_remote_code=False
            )
        load_neutral_output(model, folder)
        tokenizer = read_tokenizer(folder / TOKENIZER_FILE)
        checked_max_tokens(record["max_tokens"], positions(model))
    except Exception as error:  # each library raises other errors for a broken file
        raise _no_run(folder, error) from error
    fitted = record.pop("neutral", None)
    neutral = None if fitted is None else NeutralCalibration(fitted["scale"], fitted["shift"])
    labels = tuple(record.pop("labels"))
    known = {name: record.pop(name) for name in _FIELDS}
    return Run(model=model.eval(), tokenizer=tokenizer, labels=labels, record=record, neutral=neutral, **known)


def read_record(folder: Path) -> dict[str, Any]:
    """Return the content of `run.json`. Raises TrainingError if a field is missing or has a value of another kind."""
    try:
        record: dict[str, Any] = read_json(folder / RUN_FILE)
        if missing := [name for name in (*_FIELDS, *_NEEDED) if name not in record]:
            raise ValueError(f"{RUN_FILE} has no {missing[0]}")
        for name in ("name", "dataset"):
            checked_name(record[name], name)
        checked_labels(record["labels"])
        checked_temperature(record["temperature"])
        if "neutral" in record:
            ServedCalibration.of_config(record["neutral"])
        if record["normalizer"] not in NORMALIZERS:
            raise ValueError(f"its normalizer is not one of {', '.join(NORMALIZERS)}")
        if not all(isinstance(each, dict) for each in (record["recipe"], record["data"], *record["data"].values())):
            raise TypeError("recipe or data is no JSON object")
        validation_scores(record)
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise _no_run(folder, error) from error
    return record


def _no_run(folder: Path, error: Exception) -> TrainingError:
    return TrainingError(
        f"{folder}: not a training run ({reason_of(error)}); give a folder that `python -m training train` wrote"
    )


_NEEDED: Final = ("labels", "recipe", "data", "base", "vocabulary_rows", "training_seconds", "precision", "hardware")
"""Further fields of `run.json`, without which no model folder and no average can be made."""

_FIELDS = ("name", "normalizer", "max_tokens", "temperature", "dataset")
"""The fields of `run.json` that are attributes of `Run`, besides the labels."""
