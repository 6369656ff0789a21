"""The engine for GPUs, on PyTorch: bfloat16 on CUDA, float32 on a CPU (for comparison)."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from worker.errors import ExitCode, FatalError
from worker.inference.self_test import packed_or_padded
from worker.inference.token_batch import TokenBatch
from worker.inference.torch_forward import Forward
from worker.inference.torch_model import torch_model
from worker.process.metrics import Metrics

log = logging.getLogger(__name__)

#: Tokens of a pass by default. On a GPU: the calls that start the kernels of a pass take less time than the kernels,
#: and a DistilBERT of the usual size needs about 0.6 GB for its activations. On a CPU: as for the int8 engine.
PASS_TOKENS: Final = {"cuda": 32_768, "cpu": 512}


class TorchEngine:
    """Runs `model.safetensors`; `with_neutral` adds the neutral logit after those of the labels.

    `max_pass_tokens` are the tokens of a pass, padding included; None: PASS_TOKENS of the device. A pass that does not
    fit into the GPU's memory is computed in smaller passes, and so are all passes after it.
    """

    def __init__(
        self, path: Path, device: str, *, max_pass_tokens: int | None, metrics: Metrics, with_neutral: bool = False
    ) -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise FatalError("DEVICE=cuda: torch finds no GPU; use DEVICE=cpu or check the driver", ExitCode.SETTINGS)
        self.device = device
        self.name = f"torch-{'bf16' if device == 'cuda' else 'fp32'}"
        model = _loaded(path, with_neutral)
        self._vocabulary_size: int = model.get_input_embeddings().num_embeddings
        self._outputs: int = model.num_labels + with_neutral
        self._max_pass_tokens = max_pass_tokens or PASS_TOKENS[device]
        self._metrics = metrics
        self._forward = _on_device(model, device, path)

    @property
    def rows(self) -> str:
        """How the texts of a pass become rows of the model: `packed` or `padded`."""
        return self._forward.rows

    @torch.inference_mode()
    def logits(self, tokens: TokenBatch) -> NDArray[np.float32]:
        """Return logits [texts, outputs], in the order of the texts. The outputs are the labels, then neutral.

        All passes are handed to the GPU before the engine waits once, for the logits of all of them. Raises ValueError
        for a text without a token, and IndexError for a token that the model does not know: on a GPU, an unknown token
        would break every later call too.
        """
        logits = np.empty((len(tokens.lengths), self._outputs), dtype=np.float32)
        if not len(logits):
            return logits
        if tokens.lengths.min() < 1:
            raise ValueError("a text has no token")
        if not 0 <= tokens.ids.min() <= tokens.ids.max() < self._vocabulary_size:
            raise IndexError(f"a token id is not below {self._vocabulary_size}")
        order = np.argsort(-tokens.lengths, kind="stable")
        passes = list(self._passes(tokens.rows(order)))
        logits[order] = torch.cat(passes).float().cpu().numpy()
        return logits

    def _passes(self, batch: TokenBatch) -> Iterator[torch.Tensor]:
        """Yield the logits of each pass, on the device. The first pass has the longest texts: it needs most memory."""
        text = token = 0
        while text < len(batch.lengths):
            texts = self._forward.texts(batch.lengths[text:], self._max_pass_tokens)
            lengths = batch.lengths[text : text + texts]
            real = int(lengths.sum())
            logits = self._logits_if_they_fit(batch.ids[token : token + real], lengths)
            if logits is not None:
                self._metrics.pass_tokens.labels("real").observe(real)
                self._metrics.pass_tokens.labels("padded").observe(self._forward.tokens(lengths))
                text, token = text + texts, token + real
                yield logits

    def _logits_if_they_fit(self, ids: NDArray[np.int32], lengths: NDArray[np.int32]) -> torch.Tensor | None:
        """Return the logits of a pass; None, and smaller passes from now on, if the GPU's memory is too small."""
        try:
            return self._forward(ids, lengths)
        except torch.OutOfMemoryError:
            if len(lengths) == 1:
                raise
        # Outside of `except`: the exception holds the tensors of the pass.
        tokens = self._forward.tokens(lengths)
        self._max_pass_tokens = tokens // 2
        log.warning(
            "the GPU's memory does not hold a pass of %d tokens: passes have at most %d tokens until the next start; "
            "lower BATCH_MAX_TOKENS, or run fewer processes on this GPU",
            tokens,
            self._max_pass_tokens,
        )
        return None


def _loaded(path: Path, with_neutral: bool) -> Any:
    """Return the model in fp32, on the CPU. Raises FatalError with one line for weights that cannot be loaded."""
    try:
        return torch_model(path, dtype=torch.float32, with_neutral=with_neutral)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise FatalError(
            f"MODEL_PATH={path}: the weights cannot be loaded: {_one_line(error)}", ExitCode.MODEL
        ) from None


def _on_device(model: Any, device: str, path: Path) -> Forward:
    """Return the forward pass of the model on the device: bfloat16 on a GPU."""
    try:
        return packed_or_padded(model.to(device), torch.bfloat16 if device == "cuda" else torch.float32, path)
    except torch.OutOfMemoryError as error:
        raise FatalError(
            f"DEVICE={device}: the GPU's memory does not hold the model in MODEL_PATH={path}; run fewer processes on "
            f"this GPU, or use DEVICE=cpu ({_one_line(error)})",
            ExitCode.SETTINGS,
        ) from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
