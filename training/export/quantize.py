"""An fp32 graph becomes an int8 one with fixed activation scales.

Weights are symmetric int8 with one scale per output column, the embedding table with one per row. Activations are
uint8 with one fixed scale per tensor, measured beforehand on training texts. A scale that ONNX Runtime takes anew in
each call would make a tweet's scores depend on its neighbours in the batch; a fixed one does not, and saves a pass
over each tensor.

Weights use the whole numbers from -64 to 64 only. Processors without VNNI add pairs of products in 16 bits, which
saturate beyond 255 x 64 x 2; within that, every processor computes the same sums.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from worker.inference.passes import cut_into_passes

Ranges = Mapping[str, tuple[float, float]]
"""The smallest and largest value of each tensor that is quantised, by the tensor's name."""

_CONTRIB = "com.microsoft"
_ATTENTION_ATTRIBUTES = {"num_heads", "scale", "unidirectional", "mask_filter_value"}
_PRODUCT_LEVELS: Final = 64
_TABLE_LEVELS: Final = 127
"""Rows that are only looked up enter no sum."""

Chosen = Callable[[Sequence[int]], bool]
"""Whether products with weights of this shape, [inputs, outputs], are computed in int8."""


def every_product(_shape: Sequence[int]) -> bool:
    """Choose all products."""
    return True


def quantized_tensors(graph: onnx.GraphProto) -> list[str]:
    """Return the names of the activations that enter a product with constant weights."""
    constants = {tensor.name for tensor in graph.initializer}
    return sorted({node.input[0] for node in graph.node if _is_product(node, constants)})


def _is_product(node: onnx.NodeProto, constants: Iterable[str]) -> bool:
    return node.op_type in ("MatMul", "Attention") and node.input[1] in constants


# Calibration.


def measure_ranges(
    model: onnx.ModelProto, ids: Sequence[Sequence[int]], *, clipped: float
) -> dict[str, tuple[float, float]]:
    """Run the texts one by one and return what range each activation needs.

    Of the texts' smallest (largest) values the lowest (highest) fraction `clipped` is cut off: a few outliers would
    coarsen the scale of all the others.
    """
    names = quantized_tensors(model.graph)
    lows: dict[str, list[float]] = {name: [] for name in names}
    highs: dict[str, list[float]] = {name: [] for name in names}
    session = _session_with_outputs(model, names)
    for one in ids:
        for name, values in zip(names, session.run(names, _feed([one])), strict=True):
            lows[name].append(float(values.min()))
            highs[name].append(float(values.max()))
    return {
        name: (float(np.quantile(lows[name], clipped)), float(np.quantile(highs[name], 1 - clipped))) for name in names
    }


def _session_with_outputs(model: onnx.ModelProto, names: Iterable[str]) -> ort.InferenceSession:
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    return session(watched.SerializeToString())


def session(model: bytes) -> ort.InferenceSession:
    """Open a model on the CPU."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _feed(ids: Sequence[Sequence[int]]) -> dict[str, npt.NDArray[np.int64]]:
    longest = max(map(len, ids))
    rows = [[*one, *[0] * (longest - len(one))] for one in ids]
    mask = [[1] * len(one) + [0] * (longest - len(one)) for one in ids]
    return {"input_ids": np.array(rows, dtype=np.int64), "attention_mask": np.array(mask, dtype=np.int64)}


def run_graph(model: bytes, ids: Sequence[Sequence[int]], *, pass_tokens: int = 512) -> npt.NDArray[np.float32]:
    """Return the logits of each text, [texts, labels]."""
    opened = session(model)
    rows: dict[int, Any] = {}
    for indices in cut_into_passes([len(one) for one in ids], pass_tokens):
        (logits,) = opened.run(["logits"], _feed([ids[index] for index in indices]))
        rows.update(zip(indices, logits, strict=True))
    return np.stack([rows[index] for index in range(len(ids))])


# Rewriting the graph.


def quantize(model: onnx.ModelProto, ranges: Ranges, *, chosen: Chosen = every_product) -> onnx.ModelProto:
    """Return the int8 model; every tensor of `quantized_tensors` needs its range, products not `chosen` stay fp32."""
    return _Rewrite(model, ranges, chosen).result()


def _readers(graph: onnx.GraphProto) -> dict[str, list[onnx.NodeProto]]:
    """Return the nodes that read each tensor."""
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    return readers


class _Rewrite:
    """Goes through the nodes once, replaces products and table look-ups, and drops the fp32 weights."""

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
        graph = self._model.graph
        nodes = [new for node in graph.node for new in self._rewritten(node)]
        used = {name for node in nodes for name in node.input}
        tensors = {**self._constants, **self._added}
        del graph.node[:], graph.initializer[:], graph.value_info[:]
        graph.node.extend(nodes)
        graph.initializer.extend(tensor for name, tensor in tensors.items() if name in used)
        self._declare_contrib_operators()
        return self._model

    def _rewritten(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        if node.op_type == "MatMul" and self._is_chosen(node.input[1]):
            yield from self._activation(node.input[0])
            yield self._product(node)
        elif node.op_type == "Attention" and self._is_chosen(node.input[1]):
            yield from self._activation(node.input[0])
            yield self._attention(node)
        elif self._is_table_lookup(node):
            yield from self._lookup(node)
        elif node.op_type == "Add" and not any(name in self._constants for name in node.input):
            # The same sum by a name that ONNX Runtime does not fuse with the norm behind it when it loads the model.
            yield helper.make_node("Sum", list(node.input), list(node.output), node.name)
        elif node.output[0] not in self._folded:
            yield node

    def _is_chosen(self, weights: str) -> bool:
        return weights in self._constants and self._chosen(self._constants[weights].dims)

    def _activation(self, name: str) -> Iterator[onnx.NodeProto]:
        """Quantise an activation where it is first needed; several products may share it."""
        if name in self._quantized:
            return
        self._quantized.add(name)
        low, high = min(self._ranges[name][0], 0.0), max(self._ranges[name][1], 0.0)
        scale = np.float32(max(high - low, 1e-9) / 255)
        self._add(f"{name}_scale", np.array(scale))
        self._add(f"{name}_zero", np.array(np.clip(round(-low / float(scale)), 0, 255), dtype=np.uint8))
        yield helper.make_node("QuantizeLinear", [name, f"{name}_scale", f"{name}_zero"], [f"{name}_uint8"])

    def _product(self, node: onnx.NodeProto) -> onnx.NodeProto:
        activation, weight = node.input[0], self._weight(node.input[1], axis=0)
        inputs = [f"{activation}_uint8", f"{weight}_int8", f"{activation}_scale", f"{weight}_scale"]
        inputs += [f"{activation}_zero", f"{weight}_zero"]
        bias, output = self._bias(node)
        return helper.make_node("MatMulIntegerToFloat", [*inputs, *bias], [output], node.name, domain=_CONTRIB)

    def _bias(self, node: onnx.NodeProto) -> tuple[list[str], str]:
        """Take in the addition of a constant vector, if that is all that reads the product."""
        readers = self._readers.get(node.output[0], [])
        if len(readers) == 1 and readers[0].op_type == "Add":
            for name in readers[0].input:
                if name in self._constants and len(self._constants[name].dims) == 1:
                    self._folded.add(readers[0].output[0])
                    return [name], readers[0].output[0]
        return [], node.output[0]

    def _attention(self, node: onnx.NodeProto) -> onnx.NodeProto:
        activation, weight = node.input[0], self._weight(node.input[1], axis=0)
        inputs = [f"{activation}_uint8", f"{weight}_int8", node.input[2], f"{activation}_scale", f"{weight}_scale"]
        inputs += [node.input[3], f"{activation}_zero", f"{weight}_zero"]
        new = helper.make_node("QAttention", inputs, list(node.output), node.name, domain=_CONTRIB)
        new.attribute.extend(one for one in node.attribute if one.name in _ATTENTION_ATTRIBUTES)
        return new

    def _is_table_lookup(self, node: onnx.NodeProto) -> bool:
        if node.op_type != "Gather" or node.input[0] not in self._constants:
            return False
        table = self._constants[node.input[0]]
        return table.data_type == TensorProto.FLOAT and len(table.dims) == 2

    def _lookup(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        table, rows, output = self._weight(node.input[0], axis=1), node.input[1], node.output[0]
        yield helper.make_node("Gather", [f"{table}_int8", rows], [f"{output}_int8"])
        yield helper.make_node("Gather", [f"{table}_scale", rows], [f"{output}_scale"])
        yield helper.make_node("Cast", [f"{output}_int8"], [f"{output}_whole"], to=TensorProto.FLOAT)
        yield helper.make_node("Mul", [f"{output}_whole", f"{output}_scale"], [output])

    def _weight(self, name: str, *, axis: int) -> str:
        """Add the int8 form of a matrix; the scale belongs to what is left when `axis` is gone."""
        if f"{name}_int8" not in self._added:
            values = numpy_helper.to_array(self._constants[name])
            keep = axis == 1  # a table's scale is [rows, 1]: it multiplies what was looked up
            levels = _TABLE_LEVELS if keep else _PRODUCT_LEVELS
            scale = (np.maximum(np.abs(values).max(axis=axis, keepdims=keep), 1e-9) / levels).astype(np.float32)
            self._add(f"{name}_int8", np.clip(np.rint(values / scale), -levels, levels).astype(np.int8))
            self._add(f"{name}_scale", scale)
            self._add(f"{name}_zero", np.zeros(scale.shape, dtype=np.int8))
        return name

    def _add(self, name: str, values: npt.NDArray[Any]) -> None:
        self._added[name] = numpy_helper.from_array(values, name)

    def _declare_contrib_operators(self) -> None:
        if all(known.domain != _CONTRIB for known in self._model.opset_import):
            self._model.opset_import.append(helper.make_opsetid(_CONTRIB, 1))
