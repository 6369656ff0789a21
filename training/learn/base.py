"""Load the base of a fine-tuning: a hub id, a folder, or a model of a package, which needs no hub."""

import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import constants, get_session
from tokenizers import Tokenizer
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
)

from training.learn.listed_files import listed_files
from training.learn.neutral import load_neutral_output
from training.learn.packaged import minilm, unpacked_mpnet
from training.learn.recipe import AUTO, DISTILBERT, MINILM, MPNET
from training.output.errors import TrainingError, reason_of

_HUB_TIMEOUT_S = 5.0
"""Seconds to wait for an answer of the hub, before `auto` takes the offline base."""


@dataclass(frozen=True, slots=True)
class Base:
    """A pretrained model with a classification head for the labels, and the model's tokenizer."""

    name: str
    model: PreTrainedModel
    tokenizer: Tokenizer
    history: dict[str, Any] | None = None
    """Name, recipe and data of the base, if the base is a run or a model folder of this package: from its JSON."""


def load_base(name: str, labels: Sequence[str]) -> Base:
    """Return the base `auto`, `minilm`, `mpnet`, a folder or a hub id, with one output for each label.

    `auto` is DistilBERT if the hub answers, else MiniLM. A run or model folder with a neutral output keeps this output.
    Raises TrainingError if the base cannot be loaded.
    """
    if name == MINILM:
        return Base(MINILM, *minilm(label_maps(labels)))
    if name == MPNET:
        with unpacked_mpnet() as folder:
            return replace(_pretrained(str(folder), labels), name=MPNET)
    if name == AUTO:
        return _distilbert_or_minilm(labels)
    return _pretrained(name, labels)


def _distilbert_or_minilm(labels: Sequence[str]) -> Base:
    try:
        return _pretrained(DISTILBERT, labels)
    except TrainingError:
        return load_base(MINILM, labels)


def is_served(base: Base) -> bool:
    """Return whether a worker can serve models with this base: the worker pads with id 0."""
    return base.model.config.pad_token_id in (0, None)


def label_maps(labels: Sequence[str]) -> dict[str, Any]:
    """Return the fields of a transformers configuration that describe the labels."""
    return {
        "num_labels": len(labels),
        "id2label": dict(enumerate(labels)),
        "label2id": {label: number for number, label in enumerate(labels)},
    }


# A base from the hub or a folder.


def _pretrained(name: str, labels: Sequence[str]) -> Base:
    """Load weights from safetensors only, and never execute code of the repository; of a folder see `listed_files`.

    A classification head for another number of labels is replaced by a new head.
    """
    local = Path(name).is_dir()
    if not local and (name.startswith((".", "/", "~")) or name.count("/") > 1):
        raise TrainingError(f"base {name!r}: no such folder; give a folder, a hub id, {AUTO!r} or {MINILM!r}")
    safe = {"trust_remote_code": False, "local_files_only": local or not _hub_answers()}
    try:
        with listed_files(Path(name)) if local else nullcontext(name) as source:
            config = AutoConfig.from_pretrained(source, **safe, **label_maps(labels))
            model = AutoModelForSequenceClassification.from_pretrained(
                source, config=config, use_safetensors=True, dtype=torch.float32, ignore_mismatched_sizes=True, **safe
            )
            tokenizer = AutoTokenizer.from_pretrained(source, use_fast=True, **safe)
        if local:
            load_neutral_output(model, Path(name))
        history = _history(Path(name)) if local else None
        short = history["name"] if history else Path(name).resolve().name if local else name
        return Base(short, model, tokenizer.backend_tokenizer, history)
    except Exception as error:  # transformers raises the errors of its transports and parsers
        raise TrainingError(_no_base(name, local, error)) from error


def _history(folder: Path) -> dict[str, Any] | None:
    """Return name, base, recipe, data and cost of a run or a model folder; None for any other folder."""
    for file in ("run.json", "metrics.json"):
        if (folder / file).is_file():
            found: dict[str, Any] = json.loads((folder / file).read_text(encoding="utf-8"))
            record = {**found.get("run", {}), **found}
            name = found.get("name") or str(found.get("model_id")).rpartition("-")[0]
            return {"name": name, **{key: record[key] for key in _HISTORY_FIELDS if key in record}}
    return None


_HISTORY_FIELDS = (
    "model_id",
    "labels",
    "base",
    "recipe",
    "add",
    "data",
    "datasets",
    "teachers",
    "averaged",
    "best_epoch",
    "training_seconds",
    "precision",
    "hardware",
    "started_from",
)
"""The fields of run.json and metrics.json that describe how a base was trained."""


def _hub_answers() -> bool:
    """Return whether the hub answers one request; the library itself would retry for half a minute.

    Cached files load without the hub.
    """
    try:
        get_session().head(constants.ENDPOINT, timeout=_HUB_TIMEOUT_S)
    except Exception:  # whatever failed, the hub does not answer
        return False
    return not constants.is_offline_mode()


def _no_base(name: str, local: bool, error: Exception) -> str:
    reason = reason_of(error)
    if local:
        return f"base {name!r}: not a transformers model ({reason}); give a folder with config, weights and tokenizer"
    return (
        f"base {name!r}: no such folder, and loading from the hub failed ({reason}); without a network use "
        f"--base {MINILM}"
    )
