"""The fp32 ONNX graph of a classifier, with fused operators, which are fast on a CPU."""

import logging
import warnings
from pathlib import Path

import onnx
import torch
from onnxruntime.transformers import optimizer
from onnxruntime.transformers.fusion_options import FusionOptions
from transformers import PreTrainedModel

from training.export.token_major import token_major

_OPSET = 17
"""The first version of ONNX with the operator LayerNormalization."""


class _LogitsOnly(torch.nn.Module):
    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


def fused_graph(model: PreTrainedModel, folder: Path) -> onnx.ModelProto:
    """Return the ONNX graph: int64 `input_ids` and `attention_mask` [batch, tokens] to fp32 `logits` [batch, labels].

    GELU and layer norms become single operators of ONNX Runtime; attention is rewritten by `token_major`. The lookup of
    embeddings stays a plain Gather, so that the table can be quantised row by row. Residual sums and layer norms stay
    separate, because the fused SkipLayerNormalization takes seven times as long on a CPU. The bias of GELU stays
    separate too: a product adds a bias for nothing, and BiasGelu takes 1.7 times as long as Gelu. A temporary file is
    written into `folder`.
    """
    path = folder / "fp32.onnx"
    _export(model, path)
    options = FusionOptions("bert")
    options.enable_embed_layer_norm = False
    options.enable_skip_layer_norm = False
    options.enable_bias_skip_layer_norm = False
    options.enable_bias_gelu = False
    logging.getLogger("onnxruntime.transformers").setLevel(logging.ERROR)
    fused = optimizer.optimize_model(
        str(path),
        model_type="bert",
        num_heads=model.config.num_attention_heads,
        hidden_size=model.config.hidden_size,
        opt_level=0,
        optimization_options=options,
    )
    path.unlink()
    return token_major(fused.model)


def _export(model: PreTrainedModel, path: Path) -> None:
    """Trace the model with eager attention, whose separate steps the optimiser can fuse."""
    served = model.config._attn_implementation
    model.set_attn_implementation("eager")
    input_ids = torch.ones((2, 8), dtype=torch.int64)
    mask = torch.ones_like(input_ids)
    mask[1, 5:] = 0  # without a masked token the trace would leave out the mask
    rows_and_tokens = {0: "batch", 1: "tokens"}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tracer warns about Python branches that do not depend on the input
            torch.onnx.export(
                _LogitsOnly(model).eval(),
                (input_ids, mask),
                str(path),
                input_names=["input_ids", "attention_mask"],
                output_names=["logits"],
                dynamic_axes={"input_ids": rows_and_tokens, "attention_mask": rows_and_tokens, "logits": {0: "batch"}},
                opset_version=_OPSET,
                dynamo=False,
            )
    finally:
        model.set_attn_implementation(served)
