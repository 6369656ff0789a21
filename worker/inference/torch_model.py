"""Make the PyTorch model of a model folder from two of its files, config.json and model.safetensors.

transformers gets the content of config.json and never the folder: `from_pretrained` would also read an adapter or a
second configuration that lie beside these files without being in the manifest.
"""

from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file
from transformers import CONFIG_MAPPING, AutoModelForSequenceClassification

from worker.inference.model_config import read_json
from worker.inference.model_folder import CONFIG_FILE, SAFETENSORS_FILE

_NEUTRAL_TENSORS: Final = ("neutral.weight", "neutral.bias")

_CODE: Final = ("auto_map", "quantization_config", "attn_implementation")
"""Fields of a transformers configuration that can name code outside the library."""


def torch_model(path: Path, *, dtype: torch.dtype, attention: str | None = None, with_neutral: bool = False) -> Any:
    """Return the model; `with_neutral` adds the row of neutral as the last row of its classifier.

    `attention` is the implementation, such as "eager"; None: the fastest. Raises ValueError, KeyError, TypeError,
    OSError, RuntimeError or SafetensorError if the two files do not make a model.
    """
    weights = load_file(path / SAFETENSORS_FILE)
    # Neutral has tensors of its own in the file, so that the folder also opens in a plain transformers pipeline.
    neutral = {name: weights.pop(name) for name in _NEUTRAL_TENSORS if name in weights}
    if with_neutral and len(neutral) < len(_NEUTRAL_TENSORS):
        raise ValueError(f"{SAFETENSORS_FILE} lacks {' or '.join(_NEUTRAL_TENSORS)}")
    model: Any = AutoModelForSequenceClassification.from_config(  # type: ignore[no-untyped-call]
        _config(path), trust_remote_code=False, attn_implementation=attention
    )
    model.load_state_dict(weights)
    model = model.to(dtype)
    if with_neutral:
        model.classifier = _with_row(model.classifier, *(neutral[name].to(dtype) for name in _NEUTRAL_TENSORS))
    return model.eval()


def _config(path: Path) -> Any:
    fields = read_json(path / CONFIG_FILE)
    kept = {name: value for name, value in fields.items() if name not in _CODE and not name.startswith("_")}
    return CONFIG_MAPPING[kept["model_type"]].from_dict(kept)


def _with_row(labels: Any, weight: torch.Tensor, bias: torch.Tensor) -> torch.nn.Linear:
    """Return the layer with one more output."""
    rows = torch.nn.Linear(labels.in_features, labels.out_features + 1, dtype=weight.dtype)
    with torch.no_grad():
        rows.weight.copy_(torch.cat([labels.weight, weight]))
        rows.bias.copy_(torch.cat([labels.bias, bias]))
    return rows
