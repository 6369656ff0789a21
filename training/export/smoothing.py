"""Divide outlier channels of activations before they become integers, and multiply their weights by the same factors.

An activation has one scale. A few channels of a transformer reach ten times the values of the others, and make the
scale ten times as coarse for all. Divided by a factor, they no longer do. The weights that read them are multiplied by
the factor, so the graph computes the same (Xiao et al. 2023, "SmoothQuant", equation 3).
"""

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from training.export.graph_edit import keep_used, products
from training.export.graph_runs import Activation

OUTLIER: Final = 3.0
"""A channel whose peak is above this multiple of the median peak is an outlier, and is divided down to the multiple.

A lower multiple makes the weights coarser, a higher one the activations; docs/log.md has 2 to 5."""


def smoothed(model: onnx.ModelProto, peaks: Mapping[str, Activation]) -> onnx.ModelProto:
    """Return a graph that computes the same, and whose products read no activation with outlier channels.

    `peaks` is from `measure_peaks`. Each activation with outliers costs one more operator, the others cost nothing.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    return _Rewrite(
        result, {name: factors for name, peak in peaks.items() if (factors := _factors(peak)).any()}
    ).result()


def _factors(peak: Activation) -> Activation:
    """Return the factor of each channel, [channels], 1 for channels that are no outliers; all 0 without outliers."""
    limit = OUTLIER * float(np.median(peak))
    if limit <= 0 or peak.max() <= limit:
        return np.zeros_like(peak)
    factors: Activation = np.maximum(peak / np.float32(limit), np.float32(1))
    return factors


class _Rewrite:
    def __init__(self, model: onnx.ModelProto, factors: Mapping[str, Activation]) -> None:
        self._model = model
        self._factors = factors
        self._constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self._readers = {node.output[0]: name for name, nodes in products(model.graph).items() for node in nodes}
        self._divided: set[str] = set()

    def result(self) -> onnx.ModelProto:
        nodes = [new for node in self._model.graph.node for new in self._rewritten(node)]
        keep_used(self._model, nodes, self._constants)
        return self._model

    def _rewritten(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        name = self._readers.get(node.output[0], "")
        if name in self._factors:
            factors, weights = self._factors[name], node.input[1]
            if name not in self._divided:
                self._divided.add(name)
                divisor = self._constant(f"{name}_divisor", np.float32(1) / factors)
                yield helper.make_node("Mul", [name, divisor], [f"{name}_smooth"])
            matrix = numpy_helper.to_array(self._constants[weights]) * factors[:, None]
            # Several activations may share the weights, each with its own factors.
            node.input[0], node.input[1] = f"{name}_smooth", self._constant(f"{name}_{weights}_smooth", matrix)
        yield node

    def _constant(self, name: str, values: Activation) -> str:
        self._constants[name] = numpy_helper.from_array(values, name)
        return name
