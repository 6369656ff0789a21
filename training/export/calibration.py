"""What training texts show about the activations that become integers: peaks, ranges, second moments."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx

from training.export.graph_edit import products
from training.export.graph_runs import Activation, activations

Ranges = Mapping[str, tuple[float, float]]
"""The smallest and the largest value of each activation, by its name."""
_ROWS: Final = 1024
"""Tokens whose moments are added at once: faster than text by text, and 0.1 GB of a large DistilBERT's activations."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """The measurements by the name of the activation: the least and the largest value of each text, [texts], and the
    sum of x xT over all tokens, float32 [channels, channels]."""

    lows: Mapping[str, Activation]
    highs: Mapping[str, Activation]
    moments: Mapping[str, Activation]

    def ranges(self, clipped: float) -> Ranges:
        """Return the ranges without the fraction `clipped` of the texts with the lowest (highest) values.

        A few outliers would make the scale coarse for all other values.
        """
        return {
            name: (float(np.quantile(lows, clipped)), float(np.quantile(self.highs[name], 1 - clipped)))
            for name, lows in self.lows.items()
        }


def measure_peaks(model: onnx.ModelProto, ids: Sequence[Sequence[int]]) -> dict[str, Activation]:
    """Run the texts, given as token ids; return the largest absolute value of each channel, [channels], by name."""
    peaks: dict[str, Activation] = {}
    for values in activations(model, sorted(products(model.graph)), ids):
        for name, rows in values.items():
            found = np.abs(rows).max(axis=0)
            peaks[name] = np.maximum(peaks[name], found) if name in peaks else found
    return peaks


def calibrate(model: onnx.ModelProto, ids: Sequence[Sequence[int]]) -> Calibration:
    """Run the texts, given as token ids, and measure each activation that a product with constant weights reads."""
    names = sorted(products(model.graph))
    lows: dict[str, list[float]] = {name: [] for name in names}
    highs: dict[str, list[float]] = {name: [] for name in names}
    moments: dict[str, Activation] = {}
    for name, rows in _joined(_noted(activations(model, names, ids), lows, highs), names):
        found: Activation = rows.T @ rows
        moments[name] = moments[name] + found if name in moments else found
    return Calibration(_arrays(lows), _arrays(highs), moments)


def _arrays(values: Mapping[str, Sequence[float]]) -> dict[str, Activation]:
    return {name: np.array(each, dtype=np.float32) for name, each in values.items()}


def _noted(
    texts: Iterator[dict[str, Activation]], lows: dict[str, list[float]], highs: dict[str, list[float]]
) -> Iterator[dict[str, Activation]]:
    """Yield the activations of each text, and note their least and largest values."""
    for values in texts:
        for name, rows in values.items():
            lows[name].append(float(rows.min()))
            highs[name].append(float(rows.max()))
        yield values


def _joined(texts: Iterator[dict[str, Activation]], names: Sequence[str]) -> Iterator[tuple[str, Activation]]:
    """Yield the rows of several texts together."""
    waiting: dict[str, list[Activation]] = {name: [] for name in names}
    for values in texts:
        for name, rows in values.items():
            waiting[name].append(rows)
            if sum(map(len, waiting[name])) >= _ROWS:
                yield name, np.concatenate(waiting[name])
                waiting[name] = []
    yield from ((name, np.concatenate(rows)) for name, rows in waiting.items() if rows)
