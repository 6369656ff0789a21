"""The shape of a model, the operations of its forward pass, and a DistilBERT of random weights."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from transformers import DistilBertConfig, DistilBertForSequenceClassification

from worker.inference.model_folder import CONFIG_FILE, GOLDEN_FILE, SAFETENSORS_FILE, TOKENIZER_FILE
from worker.settings import BUNDLED_MODEL

#: The vocabulary of distilbert-base-uncased; its size changes the memory, not the speed.
VOCABULARY: Final = 30_522

#: Units of a head in DistilBERT and BERT.
HEAD_UNITS: Final = 64

#: Tokens of the longest text, as in the bundled model.
MAX_TOKENS: Final = 128


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a DistilBERT: layers, units, and units of the feed-forward network."""

    layers: int
    units: int
    inner_units: int

    def operations(self, lengths: NDArray[np.int32]) -> float:
        """Return the operations of all layers for texts of these tokens; an addition and a product are two.

        Four products of the units for query, key, value and output, two of the feed-forward network, and two of each
        pair of tokens for the attention.
        """
        tokens, pairs = float(lengths.sum()), float(np.square(lengths.astype(np.float64)).sum())
        each_token = 4 * self.units**2 + 2 * self.units * self.inner_units
        return 2 * self.layers * (tokens * each_token + 2 * pairs * self.units)


def shape_of(path: Path) -> Shape:
    """Return the shape of the model in a folder."""
    config = json.loads((path / CONFIG_FILE).read_text(encoding="utf-8"))
    return Shape(config["n_layers"], config["dim"], config["hidden_dim"])


def write_random_model(path: Path, *, layers: int, units: int) -> None:
    """Write the files that the torch engine reads: random weights in fp16, tokenizer and golden texts as bundled."""
    torch.manual_seed(1)
    config: Any = DistilBertConfig
    heads = max(1, units // HEAD_UNITS)
    sizes = {"n_layers": layers, "dim": units, "hidden_dim": 4 * units, "n_heads": heads, "vocab_size": VOCABULARY}
    model: Any = DistilBertForSequenceClassification(config(num_labels=6, **sizes))
    weights = {name: tensor.contiguous() for name, tensor in model.half().state_dict().items()}
    save_file(weights, path / SAFETENSORS_FILE, {"format": "pt"})
    for name in (TOKENIZER_FILE, GOLDEN_FILE):
        shutil.copy(BUNDLED_MODEL / name, path / name)
    served = {**model.config.to_dict(), "max_tokens": MAX_TOKENS}
    (path / CONFIG_FILE).write_text(json.dumps(served), encoding="utf-8")
