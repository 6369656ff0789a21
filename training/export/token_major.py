"""Rewrite the attention of a fused graph for short texts on a CPU, and compute of the last layer the first token only.

`Attention` of ONNX Runtime computes one small product for each head and text. Here the hidden states are
[tokens, texts, units], so that the products of all heads read queries, keys and values where they are, without a copy:

- Queries, keys and values are three ordinary products, which become int8.
- The softmax is exp(scores) x values / exp(scores) x ones: `Exp` of a whole tensor takes a tenth of the time of
  `Softmax` on short rows. The ones are one more column of the values. Scores are clipped, so that exp stays finite.
- The mask multiplies values and ones: a padded token adds 0 to both sums.
- The classifier reads the first token, so the last layer needs keys and values of all tokens, and all else of one.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from training.export.graph_edit import CONTRIB, attribute, keep_used

_MAX_SCORE: Final = 60.0
"""Scores are cut to this size: exp(60) times the values of 4,096 tokens is far from overflow, and trained models have
scores up to 30."""


def token_major(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the rewritten model, or the model itself unless a classifier reads only the first token of its layers."""
    attentions = [node for node in model.graph.node if node.op_type == "Attention"]
    first = _first_token(model.graph)
    if not attentions or first is None:
        return model
    result = onnx.ModelProto()
    result.CopyFrom(model)
    return _Rewrite(result, attentions[0].input[0], attentions[-1].name, first.output[0]).result()


def _first_token(graph: onnx.GraphProto) -> onnx.NodeProto | None:
    """Return the only node that reads the last layer norm, if it takes the first token."""
    norms = [node for node in graph.node if node.op_type == "LayerNormalization"]
    readers = [node for node in graph.node if norms and norms[-1].output[0] in node.input]
    constants = {node.output[0]: node.attribute[0].t for node in graph.node if node.op_type == "Constant"}
    constants |= {tensor.name: tensor for tensor in graph.initializer}
    if len(readers) != 1 or readers[0].op_type != "Gather" or attribute(readers[0], "axis", 0) != 1:
        return None
    index = constants.get(readers[0].input[1])
    return readers[0] if index is not None and numpy_helper.to_array(index).tolist() == 0 else None


class _Rewrite:
    """Rewrite the nodes in order. `embedded`, [texts, tokens, units], is the input of the first layer."""

    def __init__(self, model: onnx.ModelProto, embedded: str, last: str, first_token: str) -> None:
        self._model = model
        self._embedded, self._last, self._first_token = embedded, last, first_token
        self._constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self._residual: dict[str, str] = {}

    def result(self) -> onnx.ModelProto:
        nodes = [new for node in self._model.graph.node for new in self._rewritten(node)]
        keep_used(self._model, nodes, self._constants)
        return self._model

    def _rewritten(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        for place, name in enumerate(node.input):
            node.input[place] = self._residual.get(name, name)
        if node.op_type == "Attention":
            yield from self._attention(node)
        elif node.output[0] == self._embedded:
            node.output[0] = f"{self._embedded}_by_text"
            yield node
            yield helper.make_node("Transpose", [node.output[0]], [self._embedded], perm=[1, 0, 2])
            yield from self._mask()
        elif node.output[0] == self._first_token:
            yield helper.make_node("Gather", list(node.input), list(node.output), node.name, axis=0)
        else:
            yield node

    def _mask(self) -> Iterator[onnx.NodeProto]:
        """Yield the nodes of `mask`, [tokens, texts, 1]: 1, or 0 for padding."""
        yield helper.make_node("Transpose", ["attention_mask"], ["mask_whole"], perm=[1, 0])
        yield helper.make_node("Cast", ["mask_whole"], ["mask_flat"], to=TensorProto.FLOAT)
        yield helper.make_node("Unsqueeze", ["mask_flat", self._constant("mask_axis", np.array([2]))], ["mask"])

    def _attention(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        name, (hidden, weights, bias) = node.name, node.input[:3]
        heads = attribute(node, "num_heads", 1)
        queries_of = hidden
        if name == self._last:
            queries_of = f"{hidden}_first"
            self._residual[hidden] = queries_of
            yield helper.make_node("Gather", [hidden, self._constant("first", np.array([0]))], [queries_of], axis=0)
        query, key, value = self._weights(weights, bias, heads, attribute(node, "scale", 0.0))
        yield from self._projected(f"{name}_query", queries_of, *query, heads)
        yield from self._projected(f"{name}_key", hidden, *key, heads)
        yield from self._projected(f"{name}_value", hidden, *value, heads, masked=True)
        yield from self._mixed(name, node.output[0], units=query[0].shape[1], heads=heads)

    def _weights(
        self, weights: str, bias: str, heads: int, scale: float
    ) -> tuple[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]], ...]:
        """Return weights and bias of queries, which contain the scale of the scores, keys, and values with ones."""
        matrix, vector = (numpy_helper.to_array(self._constants[one]) for one in (weights, bias))
        units = matrix.shape[1] // 3
        factor = np.float32(scale or (units // heads) ** -0.5)
        (query, key, value), (of_query, of_key, of_value) = np.split(matrix, 3, axis=1), np.split(vector, 3)
        by_head = np.pad(value.reshape(-1, heads, units // heads), ((0, 0), (0, 0), (0, 1)))
        bias_by_head = np.pad(of_value.reshape(heads, -1), ((0, 0), (0, 1)), constant_values=1)
        ones = (by_head.reshape(len(matrix), -1), bias_by_head.reshape(-1))
        return (query * factor, of_query * factor), (key, of_key), ones

    def _projected(
        self, name: str, hidden: str, weights: Any, bias: Any, heads: int, *, masked: bool = False
    ) -> Iterator[onnx.NodeProto]:
        """Yield the nodes of `name`, [tokens, texts, heads, units of a head]."""
        shape = self._constant(f"{name}_shape", np.array([0, 0, heads, weights.shape[1] // heads]))
        constants = [self._constant(f"{name}_weight", weights), self._constant(f"{name}_bias", bias)]
        yield helper.make_node("MatMul", [hidden, constants[0]], [f"{name}_product"])
        yield helper.make_node("Add", [f"{name}_product", constants[1]], [f"{name}_flat"])
        if masked:
            yield helper.make_node("Mul", [f"{name}_flat", "mask"], [f"{name}_masked"])
        yield helper.make_node("Reshape", [f"{name}_{'masked' if masked else 'flat'}", shape], [name])

    def _mixed(self, name: str, output: str, *, units: int, heads: int) -> Iterator[onnx.NodeProto]:
        """Yield the nodes from queries, keys and values to the output of the attention, [tokens, texts, units]."""
        limits = [self._constant(f"{sign}_score", np.float32(limit)) for sign, limit in _LIMITS.items()]
        sizes = self._constant("head_sizes", np.array([units // heads, 1]))
        flat = self._constant("flat_shape", np.array([0, 0, units]))
        scores, sums = f"{name}_scores", f"{name}_sums"
        yield helper.make_node(
            "FusedMatMul",
            [f"{name}_query", f"{name}_key"],
            [scores],
            domain=CONTRIB,
            transB=1,
            transBatchA=1,
            transBatchB=1,
        )
        yield helper.make_node("Clip", [scores, *limits], [f"{scores}_cut"])
        yield helper.make_node("Exp", [f"{scores}_cut"], [f"{scores}_exp"])
        yield helper.make_node("FusedMatMul", [f"{scores}_exp", f"{name}_value"], [sums], domain=CONTRIB, transBatchB=1)
        yield helper.make_node("Split", [sums, sizes], [f"{sums}_values", f"{sums}_ones"], axis=-1)
        yield helper.make_node("Div", [f"{sums}_values", f"{sums}_ones"], [f"{name}_by_head"])
        yield helper.make_node("Transpose", [f"{name}_by_head"], [f"{name}_by_token"], perm=[2, 0, 1, 3])
        yield helper.make_node("Reshape", [f"{name}_by_token", flat], [output])

    def _constant(self, name: str, values: Any) -> str:
        self._constants[name] = numpy_helper.from_array(np.asarray(values), name)
        return name


_LIMITS: Final = {"least": -_MAX_SCORE, "greatest": _MAX_SCORE}
