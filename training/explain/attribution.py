"""Which tokens speak for a label: integrated gradients over the input embeddings.

Sundararajan, Taly and Yan, Axiomatic Attribution for Deep Networks (2017), equation 3. The path leads in a straight
line from a baseline, a text of padding, to the text itself. What each token gains on the way adds up to what the logit
gains; how far the sum is off is the error of the finite steps.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

STEPS: Final = 64
_STEPS_IN_A_PASS: Final = 16


@dataclass(frozen=True, slots=True)
class Attributions:
    """What each token adds to a logit, float64 [tokens], and the logit of the text and of the baseline."""

    of_tokens: NDArray[np.float64]
    logit: float
    baseline_logit: float

    @property
    def completeness_gap(self) -> float:
        """The sum of the attributions less what the logit gained; 0 for infinitely many steps."""
        return float(self.of_tokens.sum()) - (self.logit - self.baseline_logit)


def integrated_gradients(
    model: PreTrainedModel, ids: torch.Tensor, baseline: torch.Tensor, *, label: int, steps: int = STEPS
) -> Attributions:
    """Attribute the logit of a label to the tokens.

    `ids` and `baseline` are token ids, int64 [tokens]; where they are equal the attribution is exactly 0. The integral
    is a sum over the middles of equal steps.
    """
    embed = model.get_input_embeddings()
    end, start = embed(ids).detach(), embed(baseline).detach()
    gradients = torch.zeros_like(end, dtype=torch.float64)
    for first in range(0, steps, _STEPS_IN_A_PASS):
        middles = (torch.arange(first, min(first + _STEPS_IN_A_PASS, steps)) + 0.5) / steps
        gradients += _gradients(model, start + middles[:, None, None] * (end - start), label).double().sum(dim=0)
    with torch.inference_mode():
        logit, baseline_logit = _logits(model, torch.stack([end, start]), label).tolist()
    of_tokens = ((end - start).double() * gradients / steps).sum(dim=-1)
    return Attributions(of_tokens.numpy(), logit, baseline_logit)


def _gradients(model: PreTrainedModel, embeddings: torch.Tensor, label: int) -> torch.Tensor:
    """The label's logit by each input: [steps, tokens, units] to the same."""
    embeddings.requires_grad_()
    (gradients,) = torch.autograd.grad(_logits(model, embeddings, label).sum(), embeddings)
    return gradients


def _logits(model: PreTrainedModel, embeddings: torch.Tensor, label: int) -> torch.Tensor:
    """The label's logits, [rows, tokens, units] to [rows]."""
    mask = torch.ones(embeddings.shape[:2], dtype=torch.int64)
    logits: torch.Tensor = model(inputs_embeds=embeddings, attention_mask=mask).logits
    return logits[:, label]
