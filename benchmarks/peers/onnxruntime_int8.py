"""ONNX Runtime with its plain dynamic int8 and fixed batches: the exported fp32 graph, `quantize_dynamic`, no more."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from benchmarks.peers.batches import MAX_TOKENS, in_batches
from benchmarks.peers.protocol import Contender, Loading, serve

INPUTS: Final = ["input_ids", "attention_mask"]


def load(loading: Loading) -> Mapping[str, Contender]:
    """Return the quantised model in a session with the default options."""
    tokenizer: Any = AutoTokenizer.from_pretrained(loading.model)
    with tempfile.TemporaryDirectory() as folder:
        session = onnxruntime.InferenceSession(_quantized(loading, tokenizer, Path(folder)))

    def label(texts: Sequence[str]) -> None:
        for batch in in_batches(texts):
            found = tokenizer(list(batch), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="np")
            session.run(None, {name: found[name] for name in INPUTS})

    return {"onnxruntime dynamic int8": label}


def _quantized(loading: Loading, tokenizer: Any, folder: Path) -> Path:
    model = AutoModelForSequenceClassification.from_pretrained(
        loading.model, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    model.config.return_dict = False
    example = tokenizer(loading.samples[:2], padding=True, return_tensors="pt")
    names = {0: "rows", 1: "tokens"}
    torch.onnx.export(
        model,
        tuple(example[name] for name in INPUTS),
        str(folder / "model.onnx"),
        input_names=INPUTS,
        output_names=["logits"],
        dynamic_axes=dict.fromkeys(INPUTS, names),
        dynamo=False,
    )
    quantize_dynamic(folder / "model.onnx", folder / "int8.onnx", weight_type=QuantType.QInt8)
    return folder / "int8.onnx"


if __name__ == "__main__":
    serve(load, ["onnxruntime", "onnx", "torch"])
