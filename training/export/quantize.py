"""Static quantisation: rewrite an fp32 graph as an int8 graph with fixed activation scales.

Weights are symmetric int8 with one scale for each output column; an embedding table has one scale, fp16, for each row.
Activations are uint8 with one fixed scale for each tensor, measured beforehand on training texts. With dynamic
quantisation, ONNX Runtime computes the scales in each call, and a tweet's scores depend on the other tweets of the
batch. With fixed scales they do not, and ONNX Runtime reads each tensor once less.

Weights are whole numbers from -64 to 64. Processors without VNNI add pairs of products in 16 bits and saturate above
32,767; 2 x 255 x 64 is below, so every processor computes the same sums.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from training.export.graph_edit import CONTRIB, keep_used
from worker.inference.passes import padded_passes
from worker.inference.token_batch import TokenBatch

Ranges = Mapping[str, tuple[float, float]]
"""The smallest and the largest value of each tensor that is quantised, by the tensor's name."""

_PRODUCT_LEVELS: Final = 64
"""The largest weight of a product: sums of two products must fit 16 bits."""
_TABLE_LEVELS: Final = 127
"""The largest weight of the embedding table: all of int8, since its rows are looked up and not summed in 16 bits."""
_MIN_RANGE: Final = 1e-9
"""The smallest range of a scale: a tensor of zeros must not divide by 0."""

Chosen = Callable[[Sequence[int]], bool]
"""Return whether products with weights of the shape [inputs, outputs] are computed in int8."""


def every_product(_shape: Sequence[int]) -> bool:
    """Choose all products."""
    return True


def products(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Return the nodes that multiply an activation by constant weights."""
    constants = {tensor.name for tensor in graph.initializer}
    return [node for node in graph.node if node.op_type == "MatMul" and node.input[1] in constants]


def quantized_tensors(graph: onnx.GraphProto) -> list[str]:
    """Return the names of the activations that are multiplied by constant weights, sorted."""
    return sorted({node.input[0] for node in products(graph)})


# Calibration.


def measure_ranges(
    model: onnx.ModelProto, ids: Sequence[Sequence[int]], *, clipped: float
) -> dict[str, tuple[float, float]]:
    """Run the texts, given as token ids, one by one and return the range of each activation.

    The fraction `clipped` of the texts with the lowest (highest) values is ignored: a few outliers would make the scale
    coarse for all other values.
    """
    names = quantized_tensors(model.graph)
    lows: dict[str, list[float]] = {name: [] for name in names}
    highs: dict[str, list[float]] = {name: [] for name in names}
    for values in values_of(model, names, ids):
        for name, array in values.items():
            lows[name].append(float(array.min()))
            highs[name].append(float(array.max()))
    return {
        name: (float(np.quantile(lows[name], clipped)), float(np.quantile(highs[name], 1 - clipped))) for name in names
    }


def values_of(
    model: onnx.ModelProto, names: Sequence[str], ids: Sequence[Sequence[int]]
) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """Run the texts, given as token ids, one by one, and yield the values of the named tensors."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    opened = session(watched.SerializeToString())
    for text in ids:
        input_ids = np.array([text], dtype=np.int64)
        feed = {"input_ids": input_ids, "attention_mask": np.ones_like(input_ids)}
        yield dict(zip(names, opened.run(names, feed), strict=True))


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


# Rewriting the graph.


def quantize(model: onnx.ModelProto, ranges: Ranges, *, chosen: Chosen = every_product) -> onnx.ModelProto:
    """Return the int8 model; `ranges` has every tensor of `quantized_tensors`, products not `chosen` stay fp32."""
    return _Rewrite(model, ranges, chosen).result()


def _readers(graph: onnx.GraphProto) -> dict[str, list[onnx.NodeProto]]:
    """Return the nodes that read each tensor."""
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    return readers


class _Rewrite:
    """Rewrite the nodes in order: replace products and table lookups, and remove the fp32 weights."""

    def __init__(self, model: onnx.ModelProto, ranges: Ranges, chosen: Chosen) -> None:
        self._model = onnx.ModelProto()
        self._model.CopyFrom(model)
        self._constants = {tensor.name: tensor for tensor in self._model.graph.initializer}
        self._ranges = ranges
        self._chosen = chosen
        self._readers = _readers(self._model.graph)
        self._folded: set[str] = set()
        self._added: dict[str, onnx.TensorProto] = {}
        self._quantized: set[str] = set()

    def result(self) -> onnx.ModelProto:
        nodes = [new for node in self._model.graph.node for new in self._rewritten(node)]
        keep_used(self._model, nodes, {**self._constants, **self._added})
        return self._model

    def _rewritten(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        if node.op_type == "MatMul" and self._is_chosen(node.input[1]):
            yield from self._activation(node.input[0])
            yield self._product(node)
        elif self._is_table_lookup(node):
            yield from self._lookup(node)
        elif node.op_type == "Add" and not any(name in self._constants for name in node.input):
            # Sum computes the same as Add, but ONNX Runtime does not fuse Sum with the layer norm that follows.
            yield helper.make_node("Sum", list(node.input), list(node.output), node.name)
        elif node.output[0] not in self._folded:
            yield node

    def _is_chosen(self, weights: str) -> bool:
        return weights in self._constants and self._chosen(self._constants[weights].dims)

    def _activation(self, name: str) -> Iterator[onnx.NodeProto]:
        """Yield the node that quantises an activation, once for all products that read the activation."""
        if name in self._quantized:
            return
        self._quantized.add(name)
        low, high = min(self._ranges[name][0], 0.0), max(self._ranges[name][1], 0.0)
        scale = np.float32(max(high - low, _MIN_RANGE) / 255)
        self._add(f"{name}_scale", np.array(scale))
        self._add(f"{name}_zero", np.array(np.clip(round(-low / float(scale)), 0, 255), dtype=np.uint8))
        yield helper.make_node("QuantizeLinear", [name, f"{name}_scale", f"{name}_zero"], [f"{name}_uint8"])

    def _product(self, node: onnx.NodeProto) -> onnx.NodeProto:
        activation, weight = node.input[0], self._weight(node.input[1], axis=0)
        inputs = [f"{activation}_uint8", f"{weight}_int8", f"{activation}_scale", f"{weight}_scale"]
        no_zero_point = ""  # the weights are symmetric; a zero point of zeros would be computed with
        bias, output = self._bias(node)
        inputs += [f"{activation}_zero", no_zero_point, *bias]
        return helper.make_node("MatMulIntegerToFloat", inputs, [output], node.name, domain=CONTRIB)

    def _bias(self, node: onnx.NodeProto) -> tuple[list[str], str]:
        """Return the bias and the output of a product: a constant that is added to the product becomes its bias."""
        readers = self._readers.get(node.output[0], [])
        if len(readers) == 1 and readers[0].op_type == "Add":
            for name in readers[0].input:
                if name in self._constants and len(self._constants[name].dims) == 1:
                    self._folded.add(readers[0].output[0])
                    return [name], readers[0].output[0]
        return [], node.output[0]

    def _is_table_lookup(self, node: onnx.NodeProto) -> bool:
        if node.op_type != "Gather" or node.input[0] not in self._constants:
            return False
        table = self._constants[node.input[0]]
        return table.data_type == TensorProto.FLOAT and len(table.dims) == 2

    def _lookup(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        table, rows, output = self._weight(node.input[0], axis=1), node.input[1], node.output[0]
        yield helper.make_node("Gather", [f"{table}_int8", rows], [f"{output}_int8"])
        yield helper.make_node("Gather", [f"{table}_scale", rows], [f"{output}_scale_half"])
        yield helper.make_node("Cast", [f"{output}_scale_half"], [f"{output}_scale"], to=TensorProto.FLOAT)
        yield helper.make_node("Cast", [f"{output}_int8"], [f"{output}_whole"], to=TensorProto.FLOAT)
        yield helper.make_node("Mul", [f"{output}_whole", f"{output}_scale"], [output])

    def _weight(self, name: str, *, axis: int) -> str:
        """Add the int8 form of a matrix, with one scale for each index of the other axis than `axis`."""
        if f"{name}_int8" not in self._added:
            values = numpy_helper.to_array(self._constants[name])
            keep = axis == 1  # the scale of a table is [rows, 1]: it is looked up and multiplied row by row
            levels, kind = (_TABLE_LEVELS, np.float16) if keep else (_PRODUCT_LEVELS, np.float32)
            largest = np.abs(values).max(axis=axis, keepdims=keep)
            scale = np.maximum(largest / levels, np.finfo(kind).tiny).astype(kind)
            self._add(f"{name}_int8", np.clip(np.rint(values / scale), -levels, levels).astype(np.int8))
            self._add(f"{name}_scale", scale)
        return name

    def _add(self, name: str, values: npt.NDArray[Any]) -> None:
        self._added[name] = numpy_helper.from_array(values, name)
