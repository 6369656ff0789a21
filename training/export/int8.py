"""The int8 model of a run: methods of quantisation, the fastest first, and the limits that a method must keep."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import onnx
from sklearn.metrics import f1_score

from training.data.mapped_split import MappedSplit
from training.export.outlier_channels import with_divided_channels
from training.export.quantize import Chosen, every_product, measure_ranges, quantize, run_graph
from training.learn.calibration import NeutralCalibration
from training.learn.tokens import TokenIds
from training.learn.validation import Logits, ValidationRows, label_logits, margins_of, one_label_rows
from training.output.errors import TrainingError
from training.output.progress import say

MIN_LABEL_AGREEMENT: Final = 0.995
"""Fraction of the validation rows that must get the label of full precision: one row in 200 may differ."""
MAX_MACRO_F1_LOST: Final = 0.002
"""How much lower macro-F1 on validation may be than in full precision: less than the spread between seeds."""
MIN_LABEL_AGREEMENT_OF_OTHERS: Final = 0.975
MAX_MACRO_F1_LOST_OF_OTHERS: Final = 0.005
"""The same limits for further data sets of raw text. Many comments are near a tie between two labels, and rounding
decides some ties otherwise, as often rightly as wrongly: the limit of macro-F1 is the one that protects the scores."""
MAX_NEUTRAL_DIFFERENCE: Final = 0.02
"""Mean difference of the probability of neutral from full precision; a threshold on it then finds the same rows."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The validation rows, the logits of full precision, float32 [rows, outputs], and the calibration of neutral."""

    validation: ValidationRows
    exact: Logits
    neutral: NeutralCalibration | None = None


@dataclass(frozen=True, slots=True)
class _Method:
    """One method of quantisation; `clipped` and `chosen` are arguments of `measure_ranges` and `quantize`.

    With `divided`, outlier channels are divided first.
    """

    name: str
    clipped: float
    chosen: Chosen = every_product
    divided: bool = False


@dataclass(frozen=True, slots=True)
class _MethodResult:
    """What a method changes: on the first data set, and the worst of the other data sets."""

    method: str
    label_agreement: float
    macro_f1_lost: float
    others_label_agreement: float = 1.0
    others_macro_f1_lost: float = 0.0
    neutral_difference: float = 0.0

    @property
    def passes(self) -> bool:
        return (
            self.label_agreement >= MIN_LABEL_AGREEMENT
            and self.macro_f1_lost <= MAX_MACRO_F1_LOST
            and self.others_label_agreement >= MIN_LABEL_AGREEMENT_OF_OTHERS
            and self.others_macro_f1_lost <= MAX_MACRO_F1_LOST_OF_OTHERS
            and self.neutral_difference <= MAX_NEUTRAL_DIFFERENCE
        )

    def as_dict(self) -> dict[str, Any]:
        figures = {name: round(getattr(self, name), 6) for name in _FIGURES}
        return {"way": self.method, **figures, "passes": self.passes}


_FIGURES: Final = (
    *("label_agreement", "macro_f1_lost", "others_label_agreement", "others_macro_f1_lost", "neutral_difference"),
)


def _narrows(shape: Sequence[int]) -> bool:
    """Return whether a product has fewer outputs than inputs, as the second product of each feed-forward layer."""
    return shape[0] > shape[1]


_METHODS: Final = (
    _Method("every product, outliers clipped", 0.01),
    _Method("every product, few outliers clipped", 0.003),
    _Method("every product, full ranges", 0.0),
    _Method("every product, outlier channels divided, few outliers clipped", 0.003, divided=True),
    _Method("every product, outlier channels divided, full ranges", 0.0, divided=True),
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
        exact = with_divided_channels(graph, calibration) if method.divided else graph
        model = quantize(exact, measure_ranges(exact, calibration, clipped=method.clipped), chosen=method.chosen)
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
    validation = reference.validation
    found = run_graph(model.SerializeToString(), validation.ids)
    first, *others = [
        _agreement(split, exact, one)
        for (split, exact), (_, one) in zip(validation.parts(reference.exact), validation.parts(found), strict=True)
    ]
    return _MethodResult(
        method,
        *first,
        others_label_agreement=min((agreement for agreement, _ in others), default=1.0),
        others_macro_f1_lost=max((lost for _, lost in others), default=0.0),
        neutral_difference=_neutral_difference(reference, found),
    )


def _agreement(split: MappedSplit, exact: Logits, found: Logits) -> tuple[float, float]:
    """Return the fraction of rows with the same label, and the macro-F1 lost on the rows with exactly one label."""
    labels, new = (label_logits(logits, split.labels).argmax(axis=1) for logits in (exact, found))
    rows, targets = one_label_rows(split)
    if not rows:
        return float((labels == new).mean()), 0.0
    macro_f1 = partial(f1_score, targets, average="macro", zero_division=0.0)
    return float((labels == new).mean()), float(macro_f1(labels[rows])) - float(macro_f1(new[rows]))


def _neutral_difference(reference: Reference, found: Logits) -> float:
    if reference.neutral is None:
        return 0.0
    labels, of = reference.validation.labels, reference.neutral.probabilities
    return float(np.abs(of(margins_of(found, labels)) - of(margins_of(reference.exact, labels))).mean())
