"""Weights of products as whole numbers: their scales, and a rounding that keeps the products and not the weights.

Processors without VNNI multiply two neighbours among the inputs, add both products in 16 bits and saturate above
32,767. Activations reach 255, so the sizes of two neighbouring weights add up to at most 128: 255 x 128 is 32,640. The
scale of an output is as fine as its pairs allow, about 1.6 times as fine as with weights from -64 to 64.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from scipy.linalg import cholesky, solve_triangular  # type: ignore[import-untyped,unused-ignore]

from training.export.graph_edit import products

Matrix = npt.NDArray[np.floating[Any]]

MAX_PAIR: Final = 128
"""The largest sum of the sizes of two neighbouring weights."""
MAX_WEIGHT: Final = 127
_MIN_SCALE: Final = 1e-9 / MAX_WEIGHT
"""The scale of an output whose weights are all zero: nothing is divided by 0."""
_DAMPING: Final = 0.01
"""Share of the mean square of the channels that is added to each: channels without values would make it singular."""
_BLOCK: Final = 128
"""Inputs after whose rounding the errors are passed on to all others at once, which is faster than one by one."""


class WholeWeights(NamedTuple):
    """Weights in int8, [inputs, outputs], and the scales of the outputs, float32 [outputs]."""

    values: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]


def whole_weights(model: onnx.ModelProto, moments: Mapping[str, Matrix]) -> dict[str, WholeWeights]:
    """Return the whole numbers for the weights of each product, by name; `moments` are those of a calibration."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    found: dict[str, WholeWeights] = {}
    for activation, nodes in products(model.graph).items():
        for name in (node.input[1] for node in nodes):
            weights = numpy_helper.to_array(constants[name])
            scales = weight_scales(weights)
            found[name] = WholeWeights(rounded(weights, scales, moments[activation]), scales)
    return found


def weight_scales(weights: Matrix) -> npt.NDArray[np.float32]:
    """Return the scale of each output, [outputs], for weights [inputs, outputs].

    Two neighbours add up to at most 127 before they are rounded, so to at most 128 afterwards.
    """
    sizes = np.abs(weights)
    even, odd = sizes[0::2], sizes[1::2]
    pairs = even + np.pad(odd, ((0, len(even) - len(odd)), (0, 0)))
    scales: npt.NDArray[np.float32] = np.maximum(pairs.max(axis=0) / (MAX_PAIR - 1), _MIN_SCALE).astype(np.float32)
    return scales


def rounded(weights: Matrix, scales: Matrix, moments: Matrix) -> npt.NDArray[np.int8]:
    """Round weights [inputs, outputs] one input after another, and repair each error by the inputs that follow.

    `moments`, [inputs, inputs], is the sum of x xT over activations x. The rounding makes the error of the product
    small for such activations (Frantar et al. 2023, "GPTQ", algorithm 1).
    """
    rest = weights.astype(np.float64) / scales
    factors = _factors(moments.astype(np.float64))
    result = np.zeros(weights.shape, dtype=np.int8)
    for start in range(0, len(rest), _BLOCK):
        end = min(start + _BLOCK, len(rest))
        errors = np.zeros((end - start, rest.shape[1]))
        for row in range(start, end):
            limit = _room(rest, result, row)
            result[row] = np.clip(np.rint(rest[row]), -limit, limit).astype(np.int8)
            errors[row - start] = (rest[row] - result[row]) / factors[row, row]
            rest[row + 1 : end] -= np.outer(factors[row, row + 1 : end], errors[row - start])
        rest[end:] -= factors[start:end, end:].T @ errors
    return result


def _room(rest: Matrix, result: npt.NDArray[np.int8], row: int) -> Matrix:
    """Return the largest size of each weight of a row that leaves room for its neighbour's."""
    if row % 2:
        neighbour = np.abs(result[row - 1].astype(np.int64))
    elif row + 1 < len(rest):
        neighbour = np.abs(np.rint(rest[row + 1]))
    else:
        neighbour = np.zeros(rest.shape[1])
    room: Matrix = np.clip(MAX_PAIR - neighbour, 1, MAX_WEIGHT)
    return room


def _factors(moments: Matrix) -> Matrix:
    """Return the upper triangular U with UT U = inverse of the damped moments."""
    damped = moments + np.eye(len(moments)) * max(_DAMPING * float(np.diag(moments).mean()), np.finfo(np.float64).tiny)
    lower = cholesky(damped, lower=True)
    inverse_lower = solve_triangular(lower, np.eye(len(lower)), lower=True)
    upper: Matrix = cholesky(inverse_lower.T @ inverse_lower, lower=False)
    return upper
