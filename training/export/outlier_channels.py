"""Divide the few channels of an activation that are much larger than all others, before they are quantised.

One scale holds for a whole activation. In some models a single channel is five times as large as the next one, and most
of the 256 levels are lost for the others. Such a channel becomes several channels, each a part of its value, and each
with the channel's row of the weights: in full precision the products stay the same, and the weights get no larger (a
form of outlier channel splitting, Zhao et al. 2019). A model with such channels in every layer takes 14 % more time.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from training.export.graph_edit import keep_used
from training.export.quantize import products, quantized_tensors, values_of

_ORDINARY: Final = 0.99
"""The fraction of channels that count as ordinary; parts of a larger channel are as large as the largest of these."""
_WORTH: Final = 2.0
"""An activation whose largest channel exceeds the ordinary ones by less than this factor stays as it is."""
_TOLERATED: Final = 0.05
"""A part may exceed the ordinary channels by so much, which saves a part."""

_MOST_PARTS: Final = 16
"""A larger channel would be most of the product; trained models have channels of five parts."""


def with_divided_channels(model: onnx.ModelProto, ids: Sequence[Sequence[int]]) -> onnx.ModelProto:
    """Return the fp32 model with outlier channels divided; the texts, given as token ids, show which these are."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    constants = {tensor.name: tensor for tensor in result.graph.initializer}
    parts = {name: _parts(sizes) for name, sizes in _channel_sizes(model, ids).items()}
    divided = {name: counts for name, counts in parts.items() if counts.max() > 1}
    for node in products(result.graph):
        activation, weights = node.input[:2]
        if activation in divided:
            rows = numpy_helper.to_array(constants[weights])
            wide = np.concatenate([rows, rows[_added(divided[activation])]])
            node.input[0], node.input[1] = f"{activation}_divided", f"{weights}_divided"
            constants[node.input[1]] = numpy_helper.from_array(wide, node.input[1])
    keep_used(result, _with_divisions(result.graph, divided, constants), constants)
    return result


def _with_divisions(
    graph: onnx.GraphProto, divided: Mapping[str, npt.NDArray[np.int64]], constants: dict[str, onnx.TensorProto]
) -> list[onnx.NodeProto]:
    """Return the nodes, and after each one that computes such an activation those that divide its channels."""
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        nodes.append(node)
        for name in node.output:
            if name in divided:
                share, added = f"{name}_share", f"{name}_added"
                constants[share] = numpy_helper.from_array((1 / divided[name]).astype(np.float32), share)
                constants[added] = numpy_helper.from_array(_added(divided[name]), added)
                nodes.append(helper.make_node("Mul", [name, share], [f"{name}_part"]))
                nodes.append(helper.make_node("Gather", [f"{name}_part", added], [f"{name}_parts"], axis=-1))
                both = [f"{name}_part", f"{name}_parts"]
                nodes.append(helper.make_node("Concat", both, [f"{name}_divided"], axis=-1))
    return nodes


def _added(parts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the channel of each part but the first ones, which keep their place."""
    return np.repeat(np.arange(len(parts)), parts - 1)


def _channel_sizes(model: onnx.ModelProto, ids: Sequence[Sequence[int]]) -> dict[str, npt.NDArray[Any]]:
    """Return the largest absolute value of each channel of each activation that is quantised."""
    sizes: dict[str, npt.NDArray[Any]] = {}
    for values in values_of(model, quantized_tensors(model.graph), ids):
        for name, array in values.items():
            largest = np.abs(array).max(axis=tuple(range(array.ndim - 1)))
            sizes[name] = np.maximum(sizes.get(name, largest), largest)
    return sizes


def _parts(sizes: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return the number of parts of each channel."""
    ordinary = max(float(np.quantile(sizes, _ORDINARY, method="lower")), float(np.finfo(np.float32).tiny))
    if sizes.max() < _WORTH * ordinary:
        return np.ones(sizes.shape, dtype=np.int64)
    return np.clip(np.ceil(sizes / ordinary - _TOLERATED), 1, _MOST_PARTS).astype(np.int64)
