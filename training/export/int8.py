"""The int8 model of a run: methods of quantisation, the fastest first, and the limits that a method must keep."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from sklearn.metrics import f1_score

from training.export.quantize import Chosen, every_product, measure_ranges, quantize, run_graph
from training.learn.tokens import TokenIds
from training.output.errors import TrainingError
from training.output.progress import say

MIN_LABEL_AGREEMENT: Final = 0.995
"""Fraction of the validation rows that must get the label of full precision: one row in 200 may differ."""
MAX_MACRO_F1_LOST: Final = 0.002
"""How much lower macro-F1 on validation may be than in full precision: less than the spread between seeds."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The validation rows: token ids, class numbers, and the logits of full precision, float32 [rows, labels]."""

    ids: TokenIds
    targets: Sequence[int]
    exact: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Method:
    """One method of quantisation; `clipped` and `chosen` are arguments of `measure_ranges` and `quantize`."""

    name: str
    clipped: float
    chosen: Chosen


@dataclass(frozen=True, slots=True)
class _MethodResult:
    method: str
    label_agreement: float
    macro_f1_lost: float

    @property
    def passes(self) -> bool:
        return self.label_agreement >= MIN_LABEL_AGREEMENT and self.macro_f1_lost <= MAX_MACRO_F1_LOST

    def as_dict(self) -> dict[str, Any]:
        figures = {name: round(getattr(self, name), 6) for name in ("label_agreement", "macro_f1_lost")}
        return {"way": self.method, **figures, "passes": self.passes}


def _narrows(shape: Sequence[int]) -> bool:
    """Return whether a product has fewer outputs than inputs, as the second product of each feed-forward layer."""
    return shape[0] > shape[1]


_METHODS: Final = (
    _Method("every product, outliers clipped", 0.01, every_product),
    _Method("every product, full ranges", 0.0, every_product),
    _Method("all but the second feed-forward products", 0.01, lambda shape: not _narrows(shape)),
    _Method("the embedding table only", 0.01, lambda _shape: False),
)
"""From the fastest to the most exact; all are static, with one scale for each output channel."""


def int8_model(
    graph: onnx.ModelProto, calibration: TokenIds, reference: Reference
) -> tuple[onnx.ModelProto, list[dict[str, Any]]]:
    """Return the first int8 model that keeps the limits, and the results of all methods that were tried.

    `calibration` are the texts that fix the scales of the activations. Raises TrainingError if no method keeps the
    limits.
    """
    tried: list[dict[str, Any]] = []
    for method in _METHODS:
        model = quantize(graph, measure_ranges(graph, calibration, clipped=method.clipped), chosen=method.chosen)
        result = _result(method.name, model, reference)
        tried.append(result.as_dict())
        say(
            f"int8, {method.name}: {result.label_agreement:.2%} of the labels are those of fp32, macro F1 "
            f"{0.0 - result.macro_f1_lost:+.4f}{'' if result.passes else '; below the limits'}"
        )
        if result.passes:
            return model, tried
    raise TrainingError(
        f"no int8 model keeps the limits (labels of fp32 >= {MIN_LABEL_AGREEMENT:.1%}, macro F1 lost <= "
        f"{MAX_MACRO_F1_LOST}); train for more epochs, on more rows, or with another --base"
    )


def _result(method: str, model: onnx.ModelProto, reference: Reference) -> _MethodResult:
    exact, found = reference.exact.argmax(axis=1), run_graph(model.SerializeToString(), reference.ids).argmax(axis=1)
    macro_f1 = partial(f1_score, reference.targets, average="macro", zero_division=0.0)
    lost = float(macro_f1(exact)) - float(macro_f1(found))
    return _MethodResult(method, float((exact == found).mean()), lost)
