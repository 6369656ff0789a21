"""Golden texts: scores that a worker compares before it serves, to detect hardware that computes wrong scores."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from training.score.scores import Probabilities
from tweets.datasets import SAMPLE_DEV, read_rows

GOLDEN_TEXTS: Final = 8
"""Enough for each of the six emotions; the worker computes the golden texts at every start."""
_MIN_TOLERANCE, _MAX_TOLERANCE = 0.03, 0.2
"""Bounds of the tolerance: differences between processors must pass, the scores of wrong arithmetic must not."""
_HEADROOM: Final = 3.0
"""Tolerance divided by the largest difference that was measured: other processors may round differently."""


def sample_texts() -> list[str]:
    """Return the texts of the sample for development, which are used for every label set."""
    return [row.text for row in read_rows(SAMPLE_DEV, "test")]


def most_confident(exact: Probabilities) -> list[int]:
    """Return GOLDEN_TEXTS row numbers: the rows with the highest score of each label in turn.

    `exact` are scores [rows, labels]. Rounding changes high scores least, so the tolerance can be small; wrong
    arithmetic changes high scores too.
    """
    ranks = [row for order in np.argsort(-exact, axis=0, kind="stable") for row in order.tolist()]
    return list(dict.fromkeys(ranks))[:GOLDEN_TEXTS]


def golden(
    texts: Sequence[str], exact: Probabilities, served: Sequence[Probabilities], labels: Sequence[str]
) -> dict[str, Any]:
    """Return the contents of `golden.json`: full-precision scores by text and label, and the tolerance of an engine.

    `exact` are the full-precision scores [texts, labels], `served` those of the engines that must pass: int8 and bf16.
    One more column is the probability of neutral. The tolerance is _HEADROOM times the largest difference, between
    _MIN_TOLERANCE and _MAX_TOLERANCE.
    """
    worst = max(float(np.abs(scores - exact).max()) for scores in served)
    return {
        "tolerance": round(float(np.clip(_HEADROOM * worst, _MIN_TOLERANCE, _MAX_TOLERANCE)), 4),
        "texts": [_entry(text, row.tolist(), labels) for text, row in zip(texts, exact, strict=True)],
    }


def _entry(text: str, row: Sequence[float], labels: Sequence[str]) -> dict[str, Any]:
    scores = {label: round(one, 6) for label, one in zip(labels, row, strict=False)}
    neutral = {"neutral": round(row[-1], 6)} if len(row) > len(labels) else {}
    return {"text": text, "scores": scores, **neutral}
