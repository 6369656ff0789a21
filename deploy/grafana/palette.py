"""Colours of the series whose names are known; Grafana chooses the colour of every other series by its name."""

from collections.abc import Iterable
from typing import Final

from tweets.colours import EMOTION_COLOURS, PALETTE

BLUE, ORANGE, PURPLE, RED, GREEN, SKY, GREY, _ = PALETTE

_NAMES: Final = {
    "consumed": BLUE,
    "labelled": GREEN,
    "dead letters": RED,
    "late": ORANGE,
    "p50": SKY,
    "p95": BLUE,
    "p99": PURPLE,
    "mean": BLUE,
    "accuracy": BLUE,
    "macro-F1": ORANGE,
    "padding": ORANGE,
    "trend": BLUE,
    "distance": BLUE,
    "not English": BLUE,
}
_LABELS: Final = {
    "{{emotion}}": EMOTION_COLOURS,
    "{{outcome}}": {"committed": BLUE, "aborted": RED, "applied": BLUE, "stale": ORANGE, "failed": RED},
    "{{stage}}": {
        "wait": GREY, "decode": SKY, "tokenize": ORANGE, "infer": BLUE, "encode": RED, "publish": GREEN,
        "commit": PURPLE,
    },
}  # fmt: skip


def colours_of(legends: Iterable[str]) -> dict[str, str]:
    """Return series name → colour for legends, each a series name or a template `{{label}}`."""
    colours: dict[str, str] = {}
    for legend in legends:
        colours |= _LABELS.get(legend, {legend: _NAMES[legend]} if legend in _NAMES else {})
    return colours
