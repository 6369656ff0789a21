"""Pictures of an explanation: the attribution of each word, and the attention of each head."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from training.explain.explanation import Explanation, signed
from training.output.pictures import picture

FOR, AGAINST = "#d55e00", "#0072b2"
"""Distinct with every kind of colour blindness (Okabe and Ito 2008); page.css has the same two colours."""

_ATTENTION: Final = LinearSegmentedColormap.from_list("attention", ["#ffffff", "#56b4e9", "#0072b2", "#00263b"])
_ATTENTION.set_bad("#ececec")  # the gaps between the maps of the heads
_NAMED_TOKENS: Final = 24
"""Tokens up to which every head's map has names: with more, the names are too small to read."""
_NAMED_TOKENS_OF_LARGE_MAP: Final = 130
"""Names on a side of the large map: with more, the names overlap."""
_TALL_WORDS: Final = 30
"""Words from which the bars are higher than a screen and have the axis at the top too."""

# Sizes in inches.
_BAR: Final = 0.26
_TOKEN: Final = 0.105
_TOKEN_OF_LARGE_MAP: Final = 0.34
_LARGE_MAP: Final = (4.0, 21.0)


def draw_attributions(explanation: Explanation, path: Path, *, title: str) -> None:
    """Draw the attribution of each word as a bar, in reading order from the top."""
    words, values = zip(*explanation.words, strict=True)
    label = explanation.prediction
    with picture(path, size=(7.5, 1.7 + _BAR * len(words))) as (_, axes):
        bars = axes.barh(range(len(words)), values, color=[FOR if value > 0 else AGAINST for value in values])
        axes.bar_label(bars, labels=[signed(value) for value in values], padding=3, fontsize=8)
        axes.set_yticks(range(len(words)), words)
        axes.set_ylim(len(words) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        axes.axvline(0, color="#333333", linewidth=0.8)
        axes.margins(x=0.12)
        axes.tick_params(labeltop=len(words) > _TALL_WORDS)
        axes.set_title(f"Words for (orange) and against (blue) {label}, {title}", loc="left")
        axes.set_xlabel(f"attribution to the logit of {label}")


def draw_heads(explanation: Explanation, path: Path, *, title: str) -> None:
    """Draw the map of every head, one row of maps for each layer; maps of up to _NAMED_TOKENS tokens have names."""
    layers, heads, tokens, _ = explanation.attention.shape
    gap = 1 + tokens // 12
    cell = _TOKEN * min(tokens, _NAMED_TOKENS) / tokens
    size = (cell * heads * (tokens + gap) + 2.2, cell * layers * (tokens + gap) + 1.7)
    with picture(path, size=size) as (figure, axes):
        image = _map(axes, _mosaic(explanation.attention, gap))
        for head in range(heads):
            middle = head * (tokens + gap) + (tokens - 1) / 2
            axes.text(middle, -0.9, f"head {head + 1}", ha="center", va="bottom")
        for layer in range(layers):
            middle = layer * (tokens + gap) + (tokens - 1) / 2
            axes.text(heads * (tokens + gap) - gap, middle, f"layer {layer + 1}", rotation=270, va="center")
        if tokens <= _NAMED_TOKENS:
            _name_tokens(axes, explanation.tokens, 5.5, rows=layers, columns=heads, gap=gap)
        axes.set_title(
            f"Attention of every head, {title}\neach row is a token, its shades are the attention to each token", pad=22
        )
        _colour_bar(figure, image, axes)


def draw_last_layer(explanation: Explanation, path: Path, *, title: str) -> None:
    """Draw the mean of the last layer's heads; with up to _NAMED_TOKENS tokens the cells have percentages."""
    mean = explanation.attention[-1].mean(axis=0)
    side = float(np.clip(_TOKEN_OF_LARGE_MAP * len(mean), *_LARGE_MAP))
    with picture(path, size=(side + 2.6, side + 1.9)) as (figure, axes):
        image = _map(axes, mean)
        _name_tokens(axes, explanation.tokens, 9 if len(mean) <= _NAMED_TOKENS else 8)
        axes.set(xlabel="attention to this token", ylabel="attention of this token")
        axes.set_title(f"Attention in the last layer,\nmean of its heads, {title}")
        if len(mean) <= _NAMED_TOKENS:
            _write_percentages(axes, mean)
        _colour_bar(figure, image, axes)


def _mosaic(attention: NDArray[np.float32], gap: int) -> NDArray[np.float32]:
    """Return the maps [layers, heads, tokens, tokens] side by side as one map, with gaps of NaN."""
    layers, heads, *_ = attention.shape
    spaced = np.pad(attention, ((0, 0), (0, 0), (0, gap), (0, gap)), constant_values=np.nan)
    side = spaced.shape[-1]
    return spaced.swapaxes(1, 2).reshape(layers * side, heads * side)[:-gap, :-gap]


def _map(axes: Axes, weights: NDArray[np.float32]) -> AxesImage:
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set(xticks=[], yticks=[])
    return axes.imshow(weights, cmap=_ATTENTION, vmin=0, vmax=float(np.nanmax(weights)))


def _name_tokens(
    axes: Axes, tokens: Sequence[str], size: float, *, rows: int = 1, columns: int = 1, gap: int = 0
) -> None:
    """Write the names of the tokens beside `rows` maps and below `columns` maps.

    Of more than _NAMED_TOKENS_OF_LARGE_MAP tokens, only every second, third … has a name.
    """
    named = range(0, len(tokens), -(-len(tokens) // _NAMED_TOKENS_OF_LARGE_MAP))
    names = [tokens[place] for place in named]
    for maps, set_ticks, rotation in ((rows, axes.set_yticks, 0), (columns, axes.set_xticks, 90)):
        ticks = [one * (len(tokens) + gap) + place for one in range(maps) for place in named]
        set_ticks(ticks, names * maps, fontsize=size, rotation=rotation)


def _write_percentages(axes: Axes, weights: NDArray[np.float32]) -> None:
    for (row, column), weight in np.ndenumerate(weights):
        if weight >= 0.005:
            colour = "white" if weight > 0.55 * weights.max() else "#222222"
            axes.text(column, row, f"{100 * weight:.0f}", ha="center", va="center", fontsize=7, color=colour)


def _colour_bar(figure: Any, image: AxesImage, axes: Axes) -> None:
    bar = figure.colorbar(image, ax=axes, shrink=0.6, aspect=30, pad=0.02, format=lambda share, _: f"{share:.0%}")
    bar.set_label("share of the row's attention")
    bar.outline.set_visible(False)
