"""The engine for GPUs, on PyTorch: bfloat16 on CUDA, float32 on a CPU (for comparison)."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from worker.errors import ExitCode, FatalError
from worker.inference.torch_model import torch_model


class TorchEngine:
    """Runs `model.safetensors`; `with_neutral` adds the neutral logit after those of the labels."""

    def __init__(self, path: Path, device: str, *, with_neutral: bool = False) -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise FatalError("DEVICE=cuda: torch finds no GPU; use DEVICE=cpu or check the driver", ExitCode.SETTINGS)
        dtype = torch.bfloat16 if device == "cuda" else torch.float32
        self.device = device
        self.name = f"torch-{'bf16' if device == 'cuda' else 'fp32'}"
        try:
            model = torch_model(path, dtype=dtype, with_neutral=with_neutral)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            reason = " ".join(str(error).split())
            raise FatalError(f"MODEL_PATH={path}: the weights cannot be loaded: {reason}", ExitCode.MODEL) from None
        self._model = model.to(device)

    @torch.inference_mode()
    def forward(self, input_ids: NDArray[np.int64], attention_mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return logits [rows, outputs] for token ids and attention mask, both [rows, tokens]."""
        logits = self._model(
            input_ids=torch.from_numpy(input_ids).to(self.device, non_blocking=True),
            attention_mask=torch.from_numpy(attention_mask).to(self.device, non_blocking=True),
        ).logits
        result: NDArray[np.float32] = logits.float().cpu().numpy()
        return result
