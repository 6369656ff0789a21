"""The engine for GPUs, on PyTorch: bfloat16 on CUDA, float32 on a CPU (for comparison)."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from worker.errors import ExitCode, FatalError
from worker.inference.passes import PaddedPass, padded_passes
from worker.inference.token_batch import TokenBatch
from worker.inference.torch_model import torch_model
from worker.process.metrics import Metrics


class TorchEngine:
    """Runs `model.safetensors`; `with_neutral` adds the neutral logit after those of the labels."""

    def __init__(
        self, path: Path, device: str, *, max_pass_tokens: int, metrics: Metrics, with_neutral: bool = False
    ) -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise FatalError("DEVICE=cuda: torch finds no GPU; use DEVICE=cpu or check the driver", ExitCode.SETTINGS)
        dtype = torch.bfloat16 if device == "cuda" else torch.float32
        self.device = device
        self._max_pass_tokens = max_pass_tokens
        self._metrics = metrics
        self.name = f"torch-{'bf16' if device == 'cuda' else 'fp32'}"
        try:
            model = torch_model(path, dtype=dtype, with_neutral=with_neutral)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            reason = " ".join(str(error).split())
            raise FatalError(f"MODEL_PATH={path}: the weights cannot be loaded: {reason}", ExitCode.MODEL) from None
        self._model = model.to(device)

    @torch.inference_mode()
    def logits(self, tokens: TokenBatch) -> NDArray[np.float32]:
        """Return logits [texts, outputs], in the order of the texts."""
        passes = list(padded_passes(tokens, self._max_pass_tokens))
        logits = np.concatenate([self._run(one) for one in passes])
        result = np.empty_like(logits)
        result[np.concatenate([one.rows for one in passes])] = logits
        return result

    def _run(self, one: PaddedPass) -> NDArray[np.float32]:
        self._metrics.pass_tokens.labels("real").observe(int(one.attention_mask.sum()))
        self._metrics.pass_tokens.labels("padded").observe(one.input_ids.size)
        logits = self._model(
            input_ids=torch.from_numpy(one.input_ids).to(self.device, non_blocking=True),
            attention_mask=torch.from_numpy(one.attention_mask).to(self.device, non_blocking=True),
        ).logits
        result: NDArray[np.float32] = logits.float().cpu().numpy()
        return result
