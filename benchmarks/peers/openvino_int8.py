"""OpenVINO with int8 by NNCF, out of the box: the transformer preset, 300 texts for calibration, no tuning."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import nncf
import openvino
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from benchmarks.peers.batches import MAX_TOKENS, in_batches, in_passes
from benchmarks.peers.protocol import Contender, Loading, serve

#: The default of `nncf.quantize`.
CALIBRATION_TEXTS: Final = 300

INPUTS: Final = ("input_ids", "attention_mask")


def load(loading: Loading) -> Mapping[str, Contender]:
    """Return the quantised model, compiled with the defaults, for fixed batches and for passes of similar length."""
    tokenizer: Any = AutoTokenizer.from_pretrained(loading.model)

    def tokens(texts: Sequence[str]) -> dict[str, Any]:
        found = tokenizer(list(texts), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="np")
        return {name: found[name] for name in INPUTS}

    model = AutoModelForSequenceClassification.from_pretrained(loading.model, dtype=torch.float32).eval()
    example = {name: torch.from_numpy(array) for name, array in tokens(loading.samples[:2]).items()}
    converted = openvino.convert_model(model, example_input=example)
    calibration = nncf.Dataset([tokens([text]) for text in loading.samples[:CALIBRATION_TEXTS]])
    quantized = nncf.quantize(
        converted, calibration, model_type=nncf.ModelType.TRANSFORMER, subset_size=CALIBRATION_TEXTS
    )
    compiled = openvino.Core().compile_model(quantized, "CPU")

    def label(texts: Sequence[str]) -> None:
        for batch in in_batches(texts):
            compiled(tokens(batch))

    def label_sorted(texts: Sequence[str]) -> None:
        for rows in in_passes(texts, tokenizer):
            padded = tokenizer.pad({"input_ids": rows}, return_tensors="np")
            compiled({name: padded[name] for name in INPUTS})

    return {"openvino int8": label, "openvino int8 sorted": label_sorted}


if __name__ == "__main__":
    serve(load, ["openvino", "nncf", "torch"])
