"""The colour of every series that has a name of its own; all others get theirs from Grafana, by name."""

from collections.abc import Iterable
from typing import Final

from tweets.colours import EMOTION_COLOURS

BLUE, ORANGE, PURPLE, RED, GREEN, SKY = EMOTION_COLOURS.values()
GREY: Final = "#999999"

_NAMES: Final = {
    "in": BLUE,
    "labelled": GREEN,
    "dead letters": RED,
    "p50": SKY,
    "p95": BLUE,
    "p99": PURPLE,
    "mean": BLUE,
    "accuracy": BLUE,
    "macro-F1": ORANGE,
    "padding": ORANGE,
    "trend": BLUE,
    "distance": BLUE,
}
_LABELS: Final = {
    "{{emotion}}": EMOTION_COLOURS,
    "{{outcome}}": {"committed": BLUE, "aborted": RED, "applied": BLUE, "stale": ORANGE, "failed": RED},
    "{{stage}}": {
        "wait": GREY, "decode": SKY, "tokenize": ORANGE, "infer": BLUE, "publish": GREEN, "commit": PURPLE,
    },
}  # fmt: skip


def colours_of(legends: Iterable[str]) -> dict[str, str]:
    """Colours of the series that these legends name, which are names or `{{label}}`."""
    colours: dict[str, str] = {}
    for legend in legends:
        colours |= _LABELS.get(legend, {legend: _NAMES[legend]} if legend in _NAMES else {})
    return colours
