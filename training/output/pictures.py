"""The style of all pictures, and the writing of a picture to a PNG file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

mpl.use("Agg")  # draws into a file; needs no display

import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tweets.colours import PALETTE

DOTS_PER_INCH: Final = 150
"""Enough for sharp text on a high-resolution screen."""
_STYLE: Final[dict[Any, Any]] = {
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "text.parse_math": False,  # a label with dollar signs is not a formula
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e3e3e3",
    "axes.prop_cycle": cycler(color=PALETTE),
}


@contextmanager
def picture(path: Path, *, rows: int = 1, columns: int = 1, size: tuple[float, float]) -> Iterator[tuple[Figure, Any]]:
    """Yield a figure of `size` inches and its axes, one or an array; write the figure as PNG when the block ends."""
    with mpl.rc_context(_STYLE):
        figure, axes = plt.subplots(rows, columns, figsize=size)
        try:
            yield figure, axes
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, dpi=DOTS_PER_INCH)
        finally:
            plt.close(figure)


def label_bars(axes: Axes, form: str = "{:.2f}") -> None:
    """Write the value of each bar beside the bar."""
    for bars in axes.containers:
        axes.bar_label(bars, fmt=form, padding=3, fontsize=8)  # type: ignore[arg-type]
