"""One pass of the torch engine: from the token ids of some texts to their logits, on the device of the model."""

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray


class Forward(Protocol):
    """A way to lay the texts of a pass out as rows of the model. The texts of a pass are ordered, longest first."""

    rows: str
    """`padded` or `packed`, for the log."""

    def texts(self, lengths: NDArray[np.int32], max_tokens: int) -> int:
        """Return how many of the texts fit into one pass, at least one; `lengths` are the tokens of each text."""

    def tokens(self, lengths: NDArray[np.int32]) -> int:
        """Return the tokens that a pass of these texts computes, padding included."""

    def __call__(self, ids: NDArray[np.int32], lengths: NDArray[np.int32]) -> torch.Tensor:
        """Return the logits [texts, outputs] on the device, and do not wait for the device."""


class PaddedForward:
    """The forward pass of transformers, for every type of model: short texts are padded to the longest of the pass."""

    rows = "padded"

    def __init__(self, model: Any) -> None:
        self._model = model

    def texts(self, lengths: NDArray[np.int32], max_tokens: int) -> int:
        """Return how many of the texts fit into one pass."""
        return max(1, max_tokens // int(lengths[0]))

    def tokens(self, lengths: NDArray[np.int32]) -> int:
        """Return the texts times the tokens of the longest text."""
        return len(lengths) * int(lengths[0])

    def __call__(self, ids: NDArray[np.int32], lengths: NDArray[np.int32]) -> torch.Tensor:
        """Return the logits [texts, outputs] on the device."""
        mask = np.arange(lengths.max()) < lengths[:, None]
        input_ids = np.zeros(mask.shape, dtype=np.int64)
        input_ids[mask] = ids
        device = self._model.device
        logits: torch.Tensor = self._model(
            input_ids=on_device(input_ids, device), attention_mask=on_device(mask.astype(np.int64), device)
        ).logits
        return logits


def on_device(array: NDArray[Any], device: torch.device) -> torch.Tensor:
    """Return the array as a tensor of the device. The copy to a GPU runs beside the program, from pinned memory."""
    tensor = torch.from_numpy(array)
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
