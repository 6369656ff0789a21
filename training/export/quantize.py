"""Static quantisation: rewrite an fp32 graph as an int8 graph with fixed activation scales.

Weights are symmetric int8 with one scale for each output column (`training.export.rounding`); an embedding table has
one scale, fp16, for each row. Activations are uint8 with one fixed scale for each tensor, measured beforehand on
training texts. With dynamic quantisation, ONNX Runtime computes the scales in each call, and a tweet's scores depend on
the other tweets of the batch. With fixed scales they do not, and ONNX Runtime reads each tensor once less.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from training.export.calibration import Ranges
from training.export.graph_edit import CONTRIB, keep_used
from training.export.rounding import WholeWeights

_TABLE_LEVELS: Final = 127
"""The largest weight of the embedding table: all of int8, since its rows are looked up and not summed in 16 bits."""
_MIN_RANGE: Final = 1e-9
"""The smallest range of a scale: a tensor of zeros must not divide by 0."""


def quantize(model: onnx.ModelProto, ranges: Ranges, weights: Mapping[str, WholeWeights]) -> onnx.ModelProto:
    """Return the int8 model: products with these `weights`, by name, become int8, others stay fp32.

    `ranges` has the activations that these products read.
    """
    return _Rewrite(model, ranges, weights).result()


def _readers(graph: onnx.GraphProto) -> dict[str, list[onnx.NodeProto]]:
    """Return the nodes that read each tensor."""
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    return readers


class _Rewrite:
    """Rewrite the nodes in order: replace products and table lookups, and remove the fp32 weights."""

    def __init__(self, model: onnx.ModelProto, ranges: Ranges, weights: Mapping[str, WholeWeights]) -> None:
        self._model = onnx.ModelProto()
        self._model.CopyFrom(model)
        self._constants = {tensor.name: tensor for tensor in self._model.graph.initializer}
        self._ranges = ranges
        self._weights = weights
        self._readers = _readers(self._model.graph)
        self._folded: set[str] = set()
        self._added: dict[str, onnx.TensorProto] = {}
        self._quantized: set[str] = set()

    def result(self) -> onnx.ModelProto:
        nodes = [new for node in self._model.graph.node for new in self._rewritten(node)]
        keep_used(self._model, nodes, {**self._constants, **self._added})
        return self._model

    def _rewritten(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        if node.op_type == "MatMul" and node.input[1] in self._weights:
            yield from self._activation(node.input[0])
            yield self._product(node)
        elif self._is_table_lookup(node):
            yield from self._lookup(node)
        elif node.op_type == "Add" and self._is_residual(node):
            # Sum computes the same as Add, but ONNX Runtime does not fuse Sum with the layer norm that follows.
            yield helper.make_node("Sum", list(node.input), list(node.output), node.name)
        elif node.output[0] not in self._folded:
            yield node

    def _is_residual(self, node: onnx.NodeProto) -> bool:
        """Return whether a layer norm reads the sum of two computed tensors. Sums of shapes, int64, must stay Add."""
        readers = self._readers.get(node.output[0], [])
        computed = not any(name in self._constants for name in node.input)
        return computed and any(reader.op_type == "LayerNormalization" for reader in readers)

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
        activation, weight = node.input[0], self._whole(node.input[1])
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
        table, rows, output = self._table(node.input[0]), node.input[1], node.output[0]
        yield helper.make_node("Gather", [f"{table}_int8", rows], [f"{output}_int8"])
        yield helper.make_node("Gather", [f"{table}_scale", rows], [f"{output}_scale_half"])
        yield helper.make_node("Cast", [f"{output}_scale_half"], [f"{output}_scale"], to=TensorProto.FLOAT)
        yield helper.make_node("Cast", [f"{output}_int8"], [f"{output}_whole"], to=TensorProto.FLOAT)
        yield helper.make_node("Mul", [f"{output}_whole", f"{output}_scale"], [output])

    def _whole(self, name: str) -> str:
        """Add the int8 form of a product's weights."""
        self._add(f"{name}_int8", self._weights[name].values)
        self._add(f"{name}_scale", self._weights[name].scales)
        return name

    def _table(self, name: str) -> str:
        """Add the int8 form of a table, whose scales, [rows, 1], are looked up and multiplied row by row."""
        values = numpy_helper.to_array(self._constants[name])
        largest = np.abs(values).max(axis=1, keepdims=True)
        scales = np.maximum(largest / _TABLE_LEVELS, np.finfo(np.float16).tiny).astype(np.float16)
        self._add(f"{name}_int8", np.clip(np.rint(values / scales), -_TABLE_LEVELS, _TABLE_LEVELS).astype(np.int8))
        self._add(f"{name}_scale", scales)
        return name

    def _add(self, name: str, values: npt.NDArray[Any]) -> None:
        self._added[name] = numpy_helper.from_array(values, name)
