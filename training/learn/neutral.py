"""The output for neutral: one more logit beside those of the labels, from the same pooled vector.

The weights are `neutral.weight` and `neutral.bias` beside those of the classifier, so the saved model still opens in
plain transformers, which ignores them and gives the scores of the labels.
"""

from pathlib import Path
from typing import Any, Final

import torch
from safetensors import safe_open
from transformers import PreTrainedModel

from training.output.errors import TrainingError

NEUTRAL_WEIGHT: Final = "neutral.weight"
"""The name of the tensor, [1, units], by which a file of weights with this output is recognised."""
_NEUTRAL_BIAS: Final = "neutral.bias"


class NeutralOutput(torch.nn.Linear):
    """The layer of the neutral logit."""

    def __init__(self, units: int, *, deviation: float) -> None:
        super().__init__(units, 1)
        torch.nn.init.normal_(self.weight, std=deviation)
        torch.nn.init.zeros_(self.bias)

    def beside(self, _layer: torch.nn.Module, inputs: tuple[torch.Tensor, ...], logits: torch.Tensor) -> torch.Tensor:
        """Return the logits of the labels with the neutral logit as last column: a hook of the classifier's layer."""
        return torch.cat((logits, self(inputs[0])), dim=-1)


def has_neutral_output(model: torch.nn.Module) -> bool:
    """Return whether the model has the output."""
    return isinstance(getattr(model, "neutral", None), NeutralOutput)


def add_neutral_output(model: PreTrainedModel) -> None:
    """Add the output with new weights; nothing changes if the model has it already.

    Raises TrainingError if the model's classifier is not one of the known kinds.
    """
    if has_neutral_output(model):
        return
    last = _last_layer(model)
    config: Any = model.config
    module: Any = model
    module.neutral = NeutralOutput(last.in_features, deviation=getattr(config, "initializer_range", 0.02))
    last.register_forward_hook(module.neutral.beside)


def remove_neutral_output(model: PreTrainedModel) -> None:
    """Remove the output: the model is trained on rows that say nothing about neutral."""
    if has_neutral_output(model):
        del model.neutral
        _last_layer(model)._forward_hooks.clear()


def load_neutral_output(model: PreTrainedModel, folder: Path) -> None:
    """Add the output to a model and load its weights, if the folder's safetensors file has them."""
    file = folder / "model.safetensors"
    if not file.is_file():
        return
    with safe_open(file, framework="pt") as weights:
        if NEUTRAL_WEIGHT not in weights.keys():  # noqa: SIM118 - a file of safetensors is no dictionary
            return
        add_neutral_output(model)
        neutral: Any = model.neutral
        found = {"weight": weights.get_tensor(NEUTRAL_WEIGHT), "bias": weights.get_tensor(_NEUTRAL_BIAS)}
        neutral.load_state_dict({name: tensor.float() for name, tensor in found.items()})


def _last_layer(model: PreTrainedModel) -> torch.nn.Linear:
    """Return the layer whose outputs are the logits: in DistilBERT and BERT, or in MPNet and RoBERTa."""
    classifier = getattr(model, "classifier", None)
    last = getattr(classifier, "out_proj", classifier)
    if not isinstance(last, torch.nn.Linear):
        raise TrainingError(
            f"base {type(model).__name__}: its classifier cannot have a neutral output; choose a base such as BERT, "
            "DistilBERT, RoBERTa or MPNet"
        )
    return last
