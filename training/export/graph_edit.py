"""What the rewritings of an ONNX graph share."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import onnx
from onnx import helper

CONTRIB: Final = "com.microsoft"
"""The domain of ONNX Runtime's own operators."""


def attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    """Return the value of an attribute, or the default."""
    found = [one for one in node.attribute if one.name == name]
    return helper.get_attribute_value(found[0]) if found else default


def products(graph: onnx.GraphProto) -> dict[str, list[onnx.NodeProto]]:
    """Return the products with constant weights by the name of the activation that they read."""
    constants = {tensor.name for tensor in graph.initializer}
    found: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in constants:
            found.setdefault(node.input[0], []).append(node)
    return found


def keep_used(
    model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto], constants: Mapping[str, onnx.TensorProto]
) -> None:
    """Replace nodes and constants of the model by those of the arguments that the outputs need."""
    graph = model.graph
    needed = {value.name for value in graph.output}
    kept = []
    for node in reversed(nodes):
        if needed & set(node.output):
            kept.append(node)
            needed |= set(node.input)
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(tensor for name, tensor in constants.items() if name in needed)
    if all(known.domain != CONTRIB for known in model.opset_import):
        model.opset_import.append(helper.make_opsetid(CONTRIB, 1))
