"""Pictures of an evaluation: confusion matrix, reliability diagram, comparison of two models."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullFormatter, PercentFormatter
from scipy.stats import beta  # type: ignore[import-untyped,unused-ignore]

from training.output.pictures import picture
from training.score.calibration import BINS
from training.score.evaluation import Evaluation
from training.score.paired import Difference, Paired

#: Sides of a cell of the confusion matrix: small cells keep more than _MANY_LABELS labels on a page.
_CELL_INCHES, _SMALL_CELL_INCHES, _MANY_LABELS = 0.62, 0.42, 12
_BLUE, _ORANGE, _GREEN, _GREY = "#0072b2", "#d55e00", "#009e73", "#555555"
_BAR_WIDTH = 0.9 / BINS
_DARK_SHARE = 0.72
"""Cells from this share of a row have white text: its contrast is higher than that of black text, at least 4.4 to 1."""


def draw_confusion(evaluation: Evaluation, path: Path, *, rows: str) -> None:
    """Draw the confusion matrix: counts in the cells, coloured by their share of the rows with the true label."""
    counts = evaluation.outcomes.confusion()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    labels = evaluation.model.labels
    side = len(labels) * (_CELL_INCHES if len(labels) <= _MANY_LABELS else _SMALL_CELL_INCHES)
    with picture(path, size=(max(5.2, side + 2.4), max(4.2, side + 1.4))) as (figure, axes):
        image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
        axes.grid(visible=False)
        axes.set_xticks(range(len(labels)), labels, rotation=40, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(labels)), labels)
        axes.set(xlabel="predicted label", ylabel="true label")
        axes.set_title(f"{evaluation.model.model_id}\non {rows}, {evaluation.scores.rows} rows")
        _write_counts(axes, counts, shares)
        bar = figure.colorbar(image, ax=axes, format=PercentFormatter(1.0), shrink=0.8, aspect=25)
        bar.set_label("share of the rows with the true label")


def _write_counts(axes: Axes, counts: Any, shares: Any) -> None:
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] >= _DARK_SHARE else "black" if count else "#aaaaaa"
        axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=9)


def draw_reliability(evaluation: Evaluation, path: Path, *, rows: str) -> None:
    """Draw accuracy by confidence with the gap to the diagonal, and below the number of rows by confidence."""
    with picture(path, rows=2, size=(5.6, 7.0)) as (figure, (above, below)):
        above.get_gridspec().set_height_ratios([3, 1])
        figure.suptitle(f"{evaluation.model.model_id} on {rows}", fontweight="bold", fontsize=11)
        above.set_title(f"expected calibration error {evaluation.scores.ece:.4f}", fontweight="normal")
        _draw_gaps(above, evaluation)
        _draw_histogram(below, evaluation)
        for axes in (above, below):
            axes.set_xlim(0.0, 1.0)
        figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)


def _draw_gaps(axes: Axes, evaluation: Evaluation) -> None:
    found = evaluation.reliability
    filled = np.flatnonzero(found.rows)
    middles, accuracy, confidence = (filled + 0.5) / BINS, found.accuracy[filled], found.confidence[filled]
    axes.bar(middles, np.minimum(accuracy, confidence), width=_BAR_WIDTH, color=_BLUE)
    for gaps, colour, name in (
        (confidence - accuracy, _ORANGE, "accuracy below confidence"),
        (accuracy - confidence, _GREEN, "accuracy above confidence"),
    ):
        height = np.maximum(gaps, 0.0)
        bottom = np.minimum(accuracy, confidence)
        axes.bar(middles, height, bottom=bottom, width=_BAR_WIDTH, label=name, color=colour, alpha=0.75)
    low, high = _binomial_interval(np.rint(accuracy * found.rows[filled]), found.rows[filled])
    spread = np.maximum([accuracy - low, high - accuracy], 0.0)
    axes.errorbar(middles, accuracy, spread, fmt="_", color="black", linewidth=1, label="accuracy, 95 % interval")
    axes.plot([0.0, 1.0], [0.0, 1.0], "--", color=_GREY, label="perfectly calibrated")
    axes.set(ylabel="accuracy (share of correct rows)", ylim=(0.0, 1.02))


def _binomial_interval(hits: Any, rows: Any) -> tuple[Any, Any]:
    """Return the exact 95 % bounds of `hits` / `rows` in each bin (Clopper and Pearson 1934)."""
    low = np.where(hits > 0, beta.ppf(0.025, np.maximum(hits, 1), rows - hits + 1), 0.0)
    high = np.where(hits < rows, beta.ppf(0.975, hits + 1, np.maximum(rows - hits, 1)), 1.0)
    return low, high


def _draw_histogram(axes: Axes, evaluation: Evaluation) -> None:
    rows = evaluation.reliability.rows
    middles = (np.arange(BINS) + 0.5) / BINS
    bars = axes.bar(middles, rows, width=_BAR_WIDTH, color=_BLUE)
    axes.bar_label(bars, [str(count) if count else "" for count in rows], fontsize=7, padding=1)
    axes.set(
        xlabel="confidence of the label", ylabel="rows (log scale)", yscale="log", ylim=(0.7, max(10, rows.max() * 4))
    )
    axes.yaxis.set_major_formatter("{x:,.0f}")  # the default of a log scale is a formula, which pictures do not parse
    axes.yaxis.set_minor_formatter(NullFormatter())
    means = f"mean confidence {evaluation.reliability.mean_confidence:.4f}, accuracy {evaluation.scores.accuracy:.4f}"
    axes.set_title(means, fontweight="normal", fontsize=9)


def draw_comparison(evaluation: Evaluation, comparison: Paired, path: Path, *, rows: str) -> None:
    """Draw the F1 of both models by label on the left, and the differences with their intervals on the right."""
    labels = evaluation.model.labels
    names = [*labels, "macro F1", "accuracy"]
    with picture(path, columns=2, size=(9.0, 2.0 + 0.3 * len(names))) as (figure, (left, right)):
        figure.suptitle(f"Two models on {rows}, {evaluation.scores.rows} rows", fontweight="bold", fontsize=11)
        _draw_both(left, evaluation, comparison.other)
        _draw_differences(right, [*comparison.f1.values(), comparison.macro_f1, comparison.accuracy])
        for axes in (left, right):
            axes.set_ylim(len(names) - 0.5, -0.5)
            axes.xaxis.set_major_locator(MaxNLocator(6))
            axes.axhline(len(labels) - 0.5, color="#999999", linewidth=0.8)
        left.set_yticks(range(len(names)), names)
        right.set_yticks(range(len(names)), [""] * len(names))
        figure.legend(loc="outside lower center", ncols=2, frameon=False)


def _draw_both(axes: Axes, this: Evaluation, other: Evaluation) -> None:
    both = [
        [*(row.f1 for row in one.scores.per_class.values()), one.scores.macro_f1, one.scores.accuracy]
        for one in (this, other)
    ]
    places = range(len(both[0]))
    axes.hlines(places, both[0], both[1], color="#bbbbbb", linewidth=2)
    axes.plot(both[0], places, "o", label=this.model.model_id)
    axes.plot(both[1], places, "s", label=other.model.model_id)
    axes.set_xlabel("F1; last line: accuracy")


def _draw_differences(axes: Axes, found: list[Difference]) -> None:
    for place, one in enumerate(found):
        axes.hlines(place, *one.interval, color=_GREY, linewidth=2)
        axes.plot(one.value, place, "o", color=_GREY)
    axes.axvline(0.0, color="black", linewidth=1)
    axes.set_xlabel("first model minus second model, 95 % interval")
