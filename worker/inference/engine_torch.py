"""The engine for GPUs, on PyTorch: bfloat16 on CUDA, float32 on a CPU (for comparison)."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForSequenceClassification

from worker.errors import ExitCode, FatalError
from worker.inference.model_folder import SAFETENSORS_FILE

_NEUTRAL_TENSORS: Final = ("neutral.weight", "neutral.bias")


class TorchEngine:
    """Runs `model.safetensors`; `with_neutral` adds the neutral logit after those of the labels."""

    def __init__(self, path: Path, device: str, *, with_neutral: bool = False) -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise FatalError("DEVICE=cuda: torch finds no GPU; use DEVICE=cpu or check the driver", ExitCode.SETTINGS)
        dtype = torch.bfloat16 if device == "cuda" else torch.float32
        self.device = device
        self.name = f"torch-{'bf16' if device == 'cuda' else 'fp32'}"
        try:
            model = _with_neutral(path, dtype) if with_neutral else _load(path, dtype)
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            reason = " ".join(str(error).split())
            raise FatalError(f"MODEL_PATH={path}: the weights cannot be loaded: {reason}", ExitCode.MODEL) from None
        self._model = model.to(device).eval()

    @torch.inference_mode()
    def forward(self, input_ids: NDArray[np.int64], attention_mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return logits [rows, outputs] for token ids and attention mask, both [rows, tokens]."""
        logits = self._model(
            input_ids=torch.from_numpy(input_ids).to(self.device, non_blocking=True),
            attention_mask=torch.from_numpy(attention_mask).to(self.device, non_blocking=True),
        ).logits
        result: NDArray[np.float32] = logits.float().cpu().numpy()
        return result


def _load(path: Path, dtype: torch.dtype) -> Any:
    return AutoModelForSequenceClassification.from_pretrained(
        path, dtype=dtype, use_safetensors=True, local_files_only=True, trust_remote_code=False
    )


def _with_neutral(path: Path, dtype: torch.dtype) -> Any:
    """Return the model with the row of neutral as the last row of its classifier.

    Neutral has tensors of its own in the file, so that the folder also opens in a plain transformers pipeline.
    """
    weights = load_file(path / SAFETENSORS_FILE)
    if not weights.keys() >= set(_NEUTRAL_TENSORS):
        raise ValueError(f"{SAFETENSORS_FILE} lacks {' or '.join(_NEUTRAL_TENSORS)}")
    neutral_weight, neutral_bias = (weights.pop(name) for name in _NEUTRAL_TENSORS)
    # `from_pretrained` would log a warning for the tensors that the model's class does not have.
    config = AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    model: Any = AutoModelForSequenceClassification.from_config(  # type: ignore[no-untyped-call]
        config, trust_remote_code=False
    )
    model.load_state_dict(weights)
    model = model.to(dtype)
    labels = model.classifier
    rows = torch.nn.Linear(labels.in_features, labels.out_features + 1, dtype=dtype)
    with torch.no_grad():
        rows.weight.copy_(torch.cat([labels.weight, neutral_weight.to(dtype)]))
        rows.bias.copy_(torch.cat([labels.bias, neutral_bias.to(dtype)]))
    model.classifier = rows
    return model
