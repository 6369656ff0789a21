"""The pictures of `explore`: classes of each split, lengths of texts, typical words of each class."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from training.explore.split_facts import Lengths
from training.output.pictures import picture
from tweets.colours import colours
from tweets.datasets import dataset_name

#: Panels in a row: three are as wide as a page of the documentation.
_COLUMNS = 3
#: Panels of typical words: with more, the picture is too tall for a screen. The largest classes are drawn.
_MAX_PANELS = 12
#: Bars of the histogram of lengths: with more, a bar is narrower than a line of the picture.
_MAX_BINS = 60


def draw_classes(report: dict[str, Any], path: Path) -> None:
    """Draw the share of each class in each split, in per cent, and the number of rows of the class."""
    splits = {name: facts for name, facts in report["splits"].items() if name != "all"}
    size = (2.0 + 3.2 * len(splits), 1.5 + 0.32 * len(report["labels"]))
    with picture(path, columns=len(splits), size=size) as (figure, panels):
        figure.suptitle(f"Classes of {dataset_name(report['dataset'])}")
        for axes, (name, facts) in zip(np.atleast_1d(panels), splits.items(), strict=True):
            _draw_split(axes, name, facts)
            axes.set_xlim(0, 1.3 * max(map(_largest_share, splits.values())))
        for axes in np.atleast_1d(panels)[1:]:
            axes.tick_params(labelleft=False)


def _largest_share(facts: dict[str, Any]) -> float:
    return 100 * max(float(counted["share"]) for counted in facts["classes"].values())


def _draw_split(axes: Axes, name: str, facts: dict[str, Any]) -> None:
    classes: dict[str, dict[str, float]] = facts["classes"]
    bars = axes.barh(
        list(classes),
        [100 * counted["share"] for counted in classes.values()],
        color=list(colours(list(classes)).values()),
    )
    axes.bar_label(bars, [f"{counted['rows']:,}" for counted in classes.values()], padding=3, fontsize=9)
    ratio = facts["imbalance_ratio"]
    balance = "a class has no rows" if ratio is None else f"largest / smallest: {ratio:.1f}"
    axes.set(title=f"{name}: {facts['rows']:,} rows\n{balance}", xlabel="share of rows [%]")
    axes.set_ylim(len(classes) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)


def draw_lengths(report: dict[str, Any], token_counts: Lengths, path: Path) -> None:
    """Draw a histogram of the tokens of each text, with the mean, the 95th percentile and the model's limit."""
    facts, limit = report["splits"]["all"], report["model"]["max_tokens"]
    spread, over = facts["tokens"], facts["over_max_tokens"]["rows"]
    width = math.ceil((spread["max"] + 1) / _MAX_BINS)
    with picture(path, size=(8, 4.2)) as (figure, axes):
        axes.hist(token_counts, bins=np.arange(0, spread["max"] + 1 + width, width) - 0.5, color="#56b4e9")
        axes.axvline(spread["mean"], color="#333333", label=f"mean: {spread['mean']:.1f}")
        axes.axvline(spread["p95"], color="#333333", linestyle="--", label=f"95th percentile: {spread['p95']:.0f}")
        axes.axvline(limit, color="#d55e00", label=f"the model's limit: {limit}; {over:,} texts are longer")
        axes.set_title(f"Lengths of the {facts['rows']:,} texts of {dataset_name(report['dataset'])}")
        axes.set(xlabel="tokens, with [CLS] and [SEP]", ylabel=f"texts per {_tokens(width)}")
        axes.set_xlim(0, 1.04 * max(spread["max"], limit))
        axes.yaxis.set_major_formatter("{x:,.0f}")
        figure.legend(loc="outside lower center", ncols=3, frameon=False)


def _tokens(width: int) -> str:
    return "number of tokens" if width == 1 else f"{width} tokens"


def draw_words(report: dict[str, Any], path: Path) -> None:
    """Draw the typical words of each class, or of the _MAX_PANELS largest classes if there are more."""
    classes = report["splits"]["train"]["classes"]
    largest = sorted(classes, key=lambda label: -classes[label]["rows"])[:_MAX_PANELS]
    labels = [label for label in report["labels"] if label in largest]
    columns = min(_COLUMNS, len(labels))
    rows = math.ceil(len(labels) / columns)
    telling = report["telling_words"]
    lines = max(1, *map(len, telling.values()))
    highest_z = max((entry["z"] for words in telling.values() for entry in words), default=1.0)
    with picture(path, rows=rows, columns=columns, size=(3.3 * columns, 0.8 + 2.9 * rows)) as (figure, panels):
        which = "" if len(labels) == len(classes) else f" ({len(labels)} largest classes)"
        figure.suptitle(f"Words that are typical of a class in train{which}: count in the class / in all classes")
        figure.supxlabel(
            "z-score of the log-odds ratio: the higher, the more certain it is that the class has the word more often",
            fontsize=10,
        )
        every_colour = colours(report["labels"])
        flat = np.atleast_1d(panels).ravel()
        for axes, label in zip(flat, labels, strict=False):
            _draw_words(axes, label, telling[label], colour=every_colour[label], lines=lines)
            axes.set_xlim(0, 1.2 * highest_z)
        for axes in flat[len(labels) :]:
            axes.set_axis_off()


def _draw_words(axes: Axes, label: str, words: list[dict[str, Any]], *, colour: str, lines: int) -> None:
    bars = axes.barh([entry["word"] for entry in words], [entry["z"] for entry in words], color=colour)
    axes.bar_label(bars, [f"{entry['count']}/{entry['count_in_all']}" for entry in words], padding=2, fontsize=7)
    axes.set_title(label)
    axes.set_ylim(lines - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", labelsize=9, length=0)
    if not words:
        axes.text(0.5, 0.5, "no typical words", ha="center", va="center", transform=axes.transAxes)
        axes.set_yticks([])
