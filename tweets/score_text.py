"""Scores as JSON writes them, for whole arrays at once."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

SCORE_DIGITS: Final = 6
"""Decimals of a score in JSON: finer than the precision of any engine, and short."""

_STEPS: Final = 10**SCORE_DIGITS

_THREE_DIGITS: Final = [f"{number:03}" for number in range(1000)]
_FIRST: Final = np.array([*_THREE_DIGITS, *(digits.rstrip("0") or "0" for digits in _THREE_DIGITS)], dtype="S3")
"""The first three decimals of a score, and from 1000 on without zeros at the end, where the last three are zeros."""

_LAST: Final = np.array([digits.rstrip("0") for digits in _THREE_DIGITS], dtype="S3")
_WHOLE: Final = np.array(["0.", "1."], dtype="S2")
_PARTS: Final = np.dtype([("whole", "S2"), ("first", "S3"), ("last", "S3")])

_EXPONENTS: Final = 100
"""Scores below this many steps are written with an exponent, such as 9.9e-05."""

_SHORT: Final = np.array([repr(steps / _STEPS) for steps in range(_EXPONENTS)], dtype=f"S{_PARTS.itemsize}")

_HALF_WAY: Final = 1e-6
"""Steps: a score so near to the middle between two decimals is rounded by `round`, which knows its exact value."""


def score_text(score: float) -> bytes:
    """Return the score in JSON, with SCORE_DIGITS decimals: the definition of `score_texts`."""
    return repr(round(score, SCORE_DIGITS)).encode()


def score_texts(scores: NDArray[np.float64]) -> list[list[bytes]]:
    """Return `score_text` of scores from 0 to 1, [rows, columns]: one step for all scores, not one for each."""
    exact = scores * _STEPS
    steps = np.rint(exact).astype(np.int64)
    first, last = steps % _STEPS // 1000, steps % 1000
    parts = np.empty(scores.shape, dtype=_PARTS)
    parts["whole"], parts["last"] = _WHOLE[steps // _STEPS], _LAST[last]
    parts["first"] = _FIRST[np.where(last == 0, first + 1000, first)]
    texts = parts.view(_SHORT.dtype)
    small = steps < _EXPONENTS
    texts[small] = _SHORT[steps[small]]
    written: list[list[bytes]] = texts.tolist()
    for row, column in np.argwhere(np.abs(exact - np.floor(exact) - 0.5) < _HALF_WAY).tolist():
        written[row][column] = score_text(float(scores[row, column]))
    return written
