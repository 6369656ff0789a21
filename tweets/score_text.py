"""Scores as JSON writes them, for whole arrays at once."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

SCORE_DIGITS: Final = 6
"""Decimals of a score in JSON: finer than the precision of any engine, and short."""

_STEPS: Final = 10**SCORE_DIGITS
_POWERS: Final = 10 ** np.arange(SCORE_DIGITS - 1, -1, -1)

_EXPONENTS: Final = 100
"""Scores below this many steps are written with an exponent, such as 9.9e-05."""

_SHORT: Final = np.array([repr(steps / _STEPS) for steps in range(_EXPONENTS)], dtype=f"S{SCORE_DIGITS + 2}")

_HALF_WAY: Final = 1e-6
"""Steps: a score so near to the middle between two decimals is rounded by `round`, which knows its exact value."""


def score_text(score: float) -> bytes:
    """Return the score in JSON, with SCORE_DIGITS decimals: the definition of `score_texts`."""
    return repr(round(score, SCORE_DIGITS)).encode()


def score_texts(scores: NDArray[np.float64]) -> list[list[bytes]]:
    """Return `score_text` of scores from 0 to 1, [rows, columns]: one step for all scores, not one for each."""
    exact = scores * _STEPS
    steps = np.rint(exact).astype(np.int64)
    digits = steps[..., None] // _POWERS % 10
    shown = np.logical_or.accumulate((digits != 0)[..., ::-1], axis=-1)[..., ::-1]  # no zeros at the end,
    shown[..., 0] = True  # but one decimal at least
    characters = np.zeros((*scores.shape, SCORE_DIGITS + 2), dtype=np.uint8)
    characters[..., 0] = ord("0") + steps // _STEPS
    characters[..., 1] = ord(".")
    characters[..., 2:] = np.where(shown, ord("0") + digits, 0)
    texts = characters.view(_SHORT.dtype)[..., 0]
    small = steps < _EXPONENTS
    texts[small] = _SHORT[steps[small]]
    written: list[list[bytes]] = texts.tolist()
    for row, column in np.argwhere(np.abs(exact - np.floor(exact) - 0.5) < _HALF_WAY).tolist():
        written[row][column] = score_text(float(scores[row, column]))
    return written
