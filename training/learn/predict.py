"""The logits of a PyTorch model, in full precision."""

import numpy as np
import numpy.typing as npt
import torch

from training.learn.tokens import TokenIds, padded
from worker.inference.passes import cut_into_passes

_PASS_TOKENS = 2048
"""Tokens of one forward pass on a CPU, padding included: limits the memory of the activations."""
_GPU_PASS_TOKENS = 65_536
"""Tokens of one forward pass on a GPU, which small passes would leave idle; a gigabyte of activations at most."""


def predict(model: torch.nn.Module, ids: TokenIds, *, pad_id: int = 0) -> npt.NDArray[np.float32]:
    """Return the logits [texts, outputs] of texts given as token ids; leave the model in the mode it was in."""
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    rows: dict[int, npt.NDArray[np.float32]] = {}
    pass_tokens = _PASS_TOKENS if device.type == "cpu" else _GPU_PASS_TOKENS
    with torch.inference_mode():
        for indices in cut_into_passes([len(one) for one in ids], pass_tokens):
            input_ids, mask = padded([ids[index] for index in indices], pad_id=pad_id)
            logits = model(input_ids=input_ids.to(device), attention_mask=mask.to(device)).logits
            rows.update(zip(indices, logits.float().cpu().numpy(), strict=True))
    model.train(was_training)
    return np.stack([rows[index] for index in range(len(ids))])
