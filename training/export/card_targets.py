"""The part of the model card about the project's targets: each figure, its target, and whether the target is met."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from training.data.splits import TEST, VALIDATION
from training.export.card_origin import is_emotion
from training.export.evaluation_sets import SAME_NAMES
from training.export.markdown import bullets
from training.export.robustness import SHIFTED
from tweets.datasets import SAMPLE, SAMPLE_DEV

_COMMENTS: Final = f"goemotions-{TEST}{SAME_NAMES}"
_MEGABYTE: Final = 1e6


@dataclass(frozen=True, slots=True)
class _Target:
    """A figure of metrics.json, and the value that it should have at least or at most."""

    what: str
    figure: Callable[[dict[str, Any]], float]
    bound: float
    at_most: bool = False
    form: str = ".4f"

    def sentence(self, metrics: dict[str, Any]) -> str:
        """Return the sentence about this target; empty if the figure was not measured."""
        try:
            value = self.figure(metrics)
        except (KeyError, TypeError):
            return ""
        met = value <= self.bound if self.at_most else value >= self.bound
        side = "at most" if self.at_most else "at least"
        wanted = f"{side} {self.bound:{self.form}}"
        return f"{self.what}: {value:{self.form}}. Target: {wanted}, {'met' if met else '**missed**'}."


def _of_split(split: str, name: str) -> Callable[[dict[str, Any]], float]:
    return lambda metrics: float(metrics["scores"][split]["int8"][name])


def _of_set(rows: str, name: str) -> Callable[[dict[str, Any]], float]:
    return lambda metrics: float(metrics["sets"][rows]["int8"][name])


def _of_neutral(rows: str, name: str) -> Callable[[dict[str, Any]], float]:
    return lambda metrics: float(metrics["sets"][rows]["int8"]["neutral"][name])


def _points_lost(metrics: dict[str, Any]) -> float:
    test, shifted = (float(metrics["robustness"][name]["with_normalizer"]["accuracy"]) for name in (TEST, SHIFTED))
    return round(100 * (test - shifted), 2)


def _megabytes(metrics: dict[str, Any]) -> float:
    return sum(map(int, metrics["bytes"].values())) / _MEGABYTE


_TARGETS: Final = (
    _Target("Accuracy on validation", _of_split(VALIDATION, "accuracy"), 0.942),
    _Target("Accuracy on test", _of_split(TEST, "accuracy"), 0.932),
    _Target("Macro F1 on test", _of_split(TEST, "macro_f1"), 0.890),
    _Target("ECE on test", _of_split(TEST, "ece"), 0.02, at_most=True),
    _Target("Points of accuracy that shifted test is below test", _points_lost, 2.0, at_most=True, form=".2f"),
    _Target(f"Accuracy on {_COMMENTS}", _of_set(_COMMENTS, "accuracy"), 0.82),
    _Target(f"Macro F1 on {_COMMENTS}", _of_set(_COMMENTS, "macro_f1"), 0.80),
    _Target(f"Area under ROC of neutral on {_COMMENTS}", _of_neutral(_COMMENTS, "area_under_roc"), 0.90),
    _Target(f"Neutral rows found in {_COMMENTS}", _of_neutral(_COMMENTS, "found"), 0.45, form=".1%"),
    _Target(f"Tweets with an emotion lost of {SAMPLE}", _of_neutral(SAMPLE, "lost"), 0.10, at_most=True, form=".1%"),
    _Target(
        "Rows lost of test",
        lambda metrics: float(metrics["scores"][TEST]["int8"]["neutral"]["lost"]),
        0.01,
        at_most=True,
        form=".2%",
    ),
    _Target(f"Accuracy on {SAMPLE_DEV}", _of_set(SAMPLE_DEV, "accuracy"), 0.76),
    _Target(f"Accuracy on {SAMPLE}", _of_set(SAMPLE, "accuracy"), 0.75),
    _Target(f"Macro F1 on {SAMPLE}", _of_set(SAMPLE, "macro_f1"), 0.75),
    _Target(f"ECE less chance on {_COMMENTS}", _of_set(_COMMENTS, "ece_less_chance"), 0.03, at_most=True),
    _Target(f"ECE less chance on {SAMPLE}", _of_set(SAMPLE, "ece_less_chance"), 0.03, at_most=True),
    _Target("Size of all files in MB", _megabytes, 58.0, at_most=True, form=".1f"),
)
"""The targets of this project for a model of the six emotions."""


def targets(metrics: dict[str, Any]) -> list[str]:
    """Return a sentence for each target; nothing for models of other data or without the sets of rows."""
    if not is_emotion(metrics) or SAMPLE not in metrics.get("sets", {}):
        return []
    return ["## Targets", "int8, as served.", bullets(one.sentence(metrics) for one in _TARGETS)]
