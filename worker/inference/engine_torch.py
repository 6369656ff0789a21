"""The engine for GPUs, on PyTorch: bfloat16 on CUDA, float32 on a CPU (for comparison)."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification

from worker.errors import ExitCode, FatalError


class TorchEngine:
    """Runs `model.safetensors`."""

    def __init__(self, path: Path, device: str) -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise FatalError("DEVICE=cuda: torch finds no GPU; use DEVICE=cpu or check the driver", ExitCode.SETTINGS)
        dtype = torch.bfloat16 if device == "cuda" else torch.float32
        self.device = device
        self.name = f"torch-{'bf16' if device == 'cuda' else 'fp32'}"
        try:
            model = AutoModelForSequenceClassification.from_pretrained(
                path, dtype=dtype, use_safetensors=True, local_files_only=True, trust_remote_code=False
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise FatalError(f"MODEL_PATH={path}: the weights cannot be loaded: {error}", ExitCode.MODEL) from None
        self._model = model.to(device).eval()

    @torch.inference_mode()
    def forward(self, input_ids: NDArray[np.int64], attention_mask: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return logits [rows, labels] for token ids and attention mask, both [rows, tokens]."""
        logits = self._model(
            input_ids=torch.from_numpy(input_ids).to(self.device, non_blocking=True),
            attention_mask=torch.from_numpy(attention_mask).to(self.device, non_blocking=True),
        ).logits
        result: NDArray[np.float32] = logits.float().cpu().numpy()
        return result
