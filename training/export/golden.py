"""Golden texts: a few scores by which a worker notices that its hardware computes the model wrongly."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from training.score.scores import Probabilities
from tweets.datasets import SAMPLE, read_rows

GOLDEN_TEXTS = 8
_LEAST_TOLERANCE, _GREATEST_TOLERANCE = 0.03, 0.2
_HEADROOM = 3.0


def sample_texts() -> list[str]:
    """Return the texts of the shipped sample; they suit any label set, only the scores differ."""
    return [row.text for row in read_rows(SAMPLE, "test")]


def most_telling(exact: Probabilities) -> list[int]:
    """Return the rows to take: the surest of each label in turn, until there are enough.

    Rounding moves sure scores least, so the tolerance can be small; wrong arithmetic moves them all the same.
    """
    ranks = [row for order in np.argsort(-exact, axis=0, kind="stable") for row in order.tolist()]
    return list(dict.fromkeys(ranks))[:GOLDEN_TEXTS]


def golden(
    texts: Sequence[str], exact: Probabilities, served: Sequence[Probabilities], labels: Sequence[str]
) -> dict[str, Any]:
    """Return what `golden.json` holds: full-precision scores [texts, labels], and how far an engine may be off.

    `served` are the scores of the engines that must pass, int8 and bf16 as measured here. The tolerance is three
    times their worst difference, at least 0.03 and at most 0.2.
    """
    worst = max(float(np.abs(scores - exact).max()) for scores in served)
    return {
        "tolerance": round(float(np.clip(_HEADROOM * worst, _LEAST_TOLERANCE, _GREATEST_TOLERANCE)), 4),
        "texts": [
            {"text": text, "scores": {label: round(float(one), 6) for label, one in zip(labels, row, strict=True)}}
            for text, row in zip(texts, exact, strict=True)
        ],
    }
