"""Run an ONNX graph: its logits, or the values of its activations."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

from worker.inference.passes import padded_passes
from worker.inference.token_batch import TokenBatch

Activation = npt.NDArray[np.float32]


def session(model: bytes) -> ort.InferenceSession:
    """Return an ONNX Runtime session of a serialised model on the CPU."""
    options = ort.SessionOptions()
    options.log_severity_level = 3  # errors
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run_graph(model: bytes, ids: Sequence[Sequence[int]], *, pass_tokens: int = 512) -> npt.NDArray[np.float32]:
    """Return the logits, float32 [texts, labels], of texts given as token ids; `pass_tokens` limits a forward pass."""
    opened = session(model)
    rows: dict[int, Any] = {}
    for one in padded_passes(TokenBatch.of(ids), pass_tokens):
        feed = {"input_ids": one.input_ids, "attention_mask": one.attention_mask}
        (logits,) = opened.run(["logits"], feed)
        rows.update(zip(one.rows.tolist(), logits, strict=True))
    return np.stack([rows[index] for index in range(len(ids))])


def activations(
    model: onnx.ModelProto, names: Sequence[str], ids: Sequence[Sequence[int]]
) -> Iterator[dict[str, Activation]]:
    """Run the texts, given as token ids, one by one and yield the tensors of these names, [tokens, channels]."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    opened = session(watched.SerializeToString())
    for text in ids:
        input_ids = np.array([text], dtype=np.int64)
        feed = {"input_ids": input_ids, "attention_mask": np.ones_like(input_ids)}
        found = opened.run(list(names), feed)
        yield {name: values.reshape(-1, values.shape[-1]) for name, values in zip(names, found, strict=True)}
