"""Attributions of a label to the tokens of a text: integrated gradients over the input embeddings.

Sundararajan, Taly and Yan, Axiomatic Attribution for Deep Networks (2017), equation 3. The path is a straight line from
the embeddings of a baseline, in which the text is replaced by padding, to the embeddings of the text. The sum of the
attributions is the difference between the logits of text and baseline, except for the error of the finite steps.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

STEPS: Final = 64
"""Steps of the sum that replaces the integral: twice as many halve the error and double the time."""
_STEPS_PER_PASS: Final = 16
"""Steps that go through the model in one batch: more need more memory and save little time."""


@dataclass(frozen=True, slots=True)
class Attributions:
    """The attribution of each token to a logit, float64 [tokens], and the logits of text and baseline."""

    of_tokens: NDArray[np.float64]
    logit: float
    baseline_logit: float

    @property
    def completeness_gap(self) -> float:
        """The sum of the attributions minus the difference of the two logits; 0 for infinitely many steps."""
        return float(self.of_tokens.sum()) - (self.logit - self.baseline_logit)


def integrated_gradients(
    model: PreTrainedModel, ids: torch.Tensor, baseline: torch.Tensor, *, label: int, steps: int = STEPS
) -> Attributions:
    """Return the attributions of the logit of class `label` to the tokens.

    `ids` and `baseline` are token ids, int64 [tokens]. A token that is the same in both has an attribution of exactly
    0. The integral is a sum over the middles of `steps` equal steps.
    """
    embed = model.get_input_embeddings()
    end, start = embed(ids).detach(), embed(baseline).detach()
    gradients = torch.zeros_like(end, dtype=torch.float64)
    for first in range(0, steps, _STEPS_PER_PASS):
        middles = (torch.arange(first, min(first + _STEPS_PER_PASS, steps)) + 0.5) / steps
        gradients += _gradients(model, start + middles[:, None, None] * (end - start), label).double().sum(dim=0)
    with torch.inference_mode():
        logit, baseline_logit = _logits(model, torch.stack([end, start]), label).tolist()
    of_tokens = ((end - start).double() * gradients / steps).sum(dim=-1)
    return Attributions(of_tokens.numpy(), logit, baseline_logit)


def _gradients(model: PreTrainedModel, embeddings: torch.Tensor, label: int) -> torch.Tensor:
    """Return the gradients of the label's logit by the embeddings; both are [steps, tokens, units]."""
    embeddings.requires_grad_()
    (gradients,) = torch.autograd.grad(_logits(model, embeddings, label).sum(), embeddings)
    return gradients


def _logits(model: PreTrainedModel, embeddings: torch.Tensor, label: int) -> torch.Tensor:
    """Return the label's logits [rows] of embeddings [rows, tokens, units]."""
    mask = torch.ones(embeddings.shape[:2], dtype=torch.int64)
    logits: torch.Tensor = model(inputs_embeds=embeddings, attention_mask=mask).logits
    return logits[:, label]
