"""The picture of the results: tweets a second of every contender, on a logarithmic axis."""

from pathlib import Path
from typing import Final

from benchmarks.suite.end_to_end import INSTANT, WORKER
from benchmarks.suite.engines import OURS
from benchmarks.suite.measurement import Measurement
from benchmarks.suite.results import Results

_OURS: Final = "#1f6feb"
_OTHERS: Final = "#8c959f"
_HEIGHT_IN: Final = 0.32
"""Inches of one bar with its space."""


def draw(results: Results, path: Path, caption: str) -> None:
    """Write the picture, an SVG or PNG by the suffix of the path."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "bench"  # the same results give the same file
    mpl.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot

    shown = [each for each in results.all_measurements().values() if each.unit == "tweets/s" and each.rounds]
    shown.sort(key=lambda each: each.best)
    figure, axes = pyplot.subplots(figsize=(8, 1.4 + _HEIGHT_IN * len(shown)), layout="constrained")
    bars = axes.barh(
        [each.name for each in shown], [each.best for each in shown], color=[_colour(each) for each in shown]
    )
    axes.bar_label(bars, labels=[f"{each.best:,.0f}" for each in shown], padding=3, fontsize=8)
    for position, each in enumerate(shown):
        axes.plot([min(each.rounds), each.best], [position, position], color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_xlabel("tweets/s, best round; the line reaches to the slowest round")
    axes.set_title(caption, fontsize=9, loc="left")
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)


def _colour(measurement: Measurement) -> str:
    return _OURS if measurement.name.startswith((OURS, WORKER, INSTANT, "engine alone")) else _OTHERS
