"""One colour per emotion and one for neutral, the same in every picture, dashboard and page of the project."""

from collections.abc import Sequence
from typing import Final

from tweets.emotions import EMOTIONS, NEUTRAL

PALETTE: Final = ("#0072b2", "#e69f00", "#cc79a7", "#d55e00", "#009e73", "#56b4e9", "#999999", "#b2a200")
"""Colours that readers with colour blindness can tell apart (Okabe and Ito 2008)."""

NEUTRAL_COLOUR: Final = "#767676"
"""A grey with a contrast of 3 or more on the light and the dark background of the page and of Grafana."""

EMOTION_COLOURS: Final = dict(zip(EMOTIONS, PALETTE, strict=False)) | {NEUTRAL: NEUTRAL_COLOUR}


def colours(labels: Sequence[str]) -> dict[str, str]:
    """Return label → colour: the colour of the emotion, or the palette's colour at the label's position."""
    return {label: EMOTION_COLOURS.get(label, PALETTE[n % len(PALETTE)]) for n, label in enumerate(labels)}
