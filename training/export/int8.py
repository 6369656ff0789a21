"""The int8 model of a run: several ways to make it, from the fastest on, and the gates that one of them must pass."""

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

LEAST_AGREEMENT: Final = 0.995
"""Fraction of the validation rows that must get the same label as in full precision."""
MOST_F1_LOST: Final = 0.002
"""By how much macro-F1 on validation may be lower than in full precision."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The rows that judge: token ids, class numbers, and the logits of full precision [rows, labels]."""

    ids: TokenIds
    targets: Sequence[int]
    exact: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to quantise; `clipped` as in `measure_ranges`."""

    name: str
    clipped: float
    chosen: Chosen


@dataclass(frozen=True, slots=True)
class _GateResult:
    way: str
    label_agreement: float
    macro_f1_lost: float

    @property
    def passes(self) -> bool:
        return self.label_agreement >= LEAST_AGREEMENT and self.macro_f1_lost <= MOST_F1_LOST

    def as_dict(self) -> dict[str, Any]:
        figures = {name: round(getattr(self, name), 6) for name in ("label_agreement", "macro_f1_lost")}
        return {"way": self.way, **figures, "passes": self.passes}


def _narrows(shape: Sequence[int]) -> bool:
    """Whether a product goes from many inputs to fewer outputs, as the second of each feed-forward pair does."""
    return shape[0] > shape[1]


_WAYS: Final = (
    _Way("every product, outliers clipped", 0.01, every_product),
    _Way("every product, full ranges", 0.0, every_product),
    _Way("all but the second feed-forward products", 0.01, lambda shape: not _narrows(shape)),
    _Way("the embedding table only", 0.01, lambda _shape: False),
)
"""From the fastest to the most exact; each is static, with a scale per output channel."""


def int8_model(
    graph: onnx.ModelProto, calibration: TokenIds, gate: Gate
) -> tuple[onnx.ModelProto, list[dict[str, Any]]]:
    """Return the first model that passes the gates, and what was tried; raises TrainingError if none does."""
    tried: list[dict[str, Any]] = []
    for way in _WAYS:
        model = quantize(graph, measure_ranges(graph, calibration, clipped=way.clipped), chosen=way.chosen)
        result = _judge(way.name, model, gate)
        tried.append(result.as_dict())
        say(
            f"int8, {way.name}: {result.label_agreement:.2%} of the labels as in fp32, macro F1 "
            f"{0.0 - result.macro_f1_lost:+.4f}{'' if result.passes else '; not good enough'}"
        )
        if result.passes:
            return model, tried
    raise TrainingError(
        f"no int8 model passes the gates (labels as in fp32 >= {LEAST_AGREEMENT:.1%}, macro F1 lost <= "
        f"{MOST_F1_LOST}); train for longer, on more rows, or with another --base"
    )


def _judge(way: str, model: onnx.ModelProto, gate: Gate) -> _GateResult:
    exact, found = gate.exact.argmax(axis=1), run_graph(model.SerializeToString(), gate.ids).argmax(axis=1)
    macro_f1 = partial(f1_score, gate.targets, average="macro", zero_division=0.0)
    lost = float(macro_f1(exact)) - float(macro_f1(found))
    return _GateResult(way, float((exact == found).mean()), lost)
