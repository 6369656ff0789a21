"""Pictures of a comparison: scores and speed of each model, scores of each strategy by class."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.compare.entry import Entry
from training.output.pictures import label_bars, picture

_BAR_HEIGHT = 0.34
_GREY = "#555555"


def draw_models(entries: Sequence[Entry], path: Path, *, split: str) -> None:
    """Draw accuracy, macro-F1 and tweets per second of each model."""
    with picture(path, columns=2, size=(10, 1.9 + 0.65 * len(entries))) as (figure, (left, right)):
        figure.suptitle(f"Models under the same budget, {split}")
        _draw_figures(figure, left, entries, short_names([entry.name for entry in entries]))
        _draw_speeds(right, [entry.tweets_per_s for entry in entries])


def draw_strategies(entries: Sequence[Entry], shares: Mapping[str, float], path: Path, *, title: str) -> None:
    """Draw accuracy and macro-F1 of each strategy, and F1 of each class, the most frequent class first.

    `shares` are the classes' fractions of the training rows.
    """
    with picture(path, columns=2, size=(11.5, 2.1 + 0.6 * len(entries))) as (figure, (left, right)):
        figure.suptitle(title)
        _draw_figures(figure, left, entries, [entry.name for entry in entries])
        _draw_classes(right, entries, shares)


def short_names(names: Sequence[str]) -> list[str]:
    """Return the last part of each hub id or path, or the full names if two last parts are the same."""
    short = [name.rstrip("/").rpartition("/")[2] for name in names]
    return short if len(set(short)) == len(short) else list(names)


def _draw_figures(figure: Figure, axes: Axes, entries: Sequence[Entry], names: Sequence[str]) -> None:
    rows = np.arange(len(entries))
    for offset, figures, label in (
        (-0.5, [entry.main_scores.accuracy for entry in entries], "accuracy"),
        (0.5, [entry.main_scores.macro_f1 for entry in entries], "macro F1"),
    ):
        axes.barh(rows + offset * _BAR_HEIGHT, figures, height=_BAR_HEIGHT, label=label)
    axes.set(title="Accuracy and macro F1", xlabel="fraction", xlim=(0, 1.12), xticks=np.arange(6) / 5)
    axes.set_yticks(rows, names)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.set_ylim(len(entries) - 0.5, -0.5)
    label_bars(axes, "{:.3f}")
    figure.legend(frameon=False, loc="outside lower left", ncols=2)


def _draw_speeds(axes: Axes, speeds: Sequence[float]) -> None:
    """Draw dots, not bars: a log scale has no zero at which a bar could begin."""
    rows = np.arange(len(speeds))
    axes.hlines(rows, 1, speeds, color="#cccccc", linewidth=2)
    axes.plot(speeds, rows, "o", color=_GREY)
    for row, speed in enumerate(speeds):
        axes.annotate(f"{speed:,.0f}", (speed, row), xytext=(8, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set(title="Speed, full precision", xlabel="tweets per second (log scale)", xscale="log", yticks=[])
    axes.set(xlim=(1, 10 ** (math.ceil(math.log10(max(10.0, *speeds))) + 0.5)), ylim=(len(speeds) - 0.5, -0.5))
    axes.xaxis.set_major_formatter("{x:,.0f}")


def _draw_classes(axes: Axes, entries: Sequence[Entry], shares: Mapping[str, float]) -> None:
    """Draw F1 as coloured cells: a row for each strategy, a column for each class."""
    f1 = np.array([[entry.main_scores.per_class[label].f1 for label in shares] for entry in entries])
    axes.pcolormesh(f1, cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=2)
    for (row, column), value in np.ndenumerate(f1):
        ink = "white" if value > 0.6 else "black"
        axes.text(column + 0.5, row + 0.5, f"{value:.2f}", ha="center", va="center", fontsize=9, color=ink)
    axes.set(title="F1 of each class", xlabel="share of the training rows", yticks=[])
    axes.set_xticks(np.arange(len(shares)) + 0.5, [f"{label}\n{share:.1%}" for label, share in shares.items()])
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.grid(visible=False)
    axes.invert_yaxis()
