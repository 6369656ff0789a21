"""A training run on disk: full-precision weights, tokenizer, and everything needed to repeat or export it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from training.output.errors import TrainingError
from training.output.json_file import write_json

RUN_FILE: Final = "run.json"
TOKENIZER_FILE: Final = "tokenizer.json"
LOGITS_FILE: Final = "validation-logits.npy"


@dataclass(frozen=True, slots=True)
class Run:
    """A fine-tuned model and what `run.json` says of it."""

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
    validation_logits: npt.NDArray[np.float32] | None = None
    """Of the best epoch, [rows, labels]; None where the run was read from a folder without them."""


def judged(record: Mapping[str, Any]) -> dict[str, float]:
    """Return what validation says of a run's final weights: accuracy and macro-F1."""
    final: Mapping[str, Any] = record.get("averaged") or record["epochs"][record["best_epoch"] - 1]
    return {name: float(final[name]) for name in ("accuracy", "macro_f1")}


def require_siblings(one: Mapping[str, Any], other: Mapping[str, Any], folder: Path) -> None:
    """Raise TrainingError unless the recipes of two runs' records differ in the seed alone; `folder` is the other."""
    if {**other["recipe"], "seed": 0} != {**one["recipe"], "seed": 0}:
        raise TrainingError(f"{folder}: was trained with another recipe; give runs that differ in the seed alone")


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
    }
    if run.validation_logits is not None:
        np.save(folder / LOGITS_FILE, run.validation_logits, allow_pickle=False)
    write_json(folder / RUN_FILE, {**described, **run.record})


def read_run(folder: Path) -> Run:
    """Read a run back. Raises TrainingError with one line if the folder is not a whole one."""
    try:
        record: dict[str, Any] = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
        model = AutoModelForSequenceClassification.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, local_files_only=True, trust_remote_code=False
        )
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
        labels: Sequence[str] = record.pop("labels")
        known = {name: record.pop(name) for name in _FIELDS}
    except Exception as error:  # each library has its own idea of what a broken file raises
        reason = " ".join(str(error).split())[:160]
        raise TrainingError(
            f"{folder}: not a training run ({reason}); give a folder that `python -m training train` wrote"
        ) from error
    return Run(model=model.eval(), tokenizer=tokenizer, labels=tuple(labels), record=record, **known)


_FIELDS = ("name", "normalizer", "max_tokens", "temperature", "dataset")
