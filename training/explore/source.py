"""Read the splits that `explore` describes: of a data set, or of one data set in a file that maps labels."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.data.chosen_dataset import chosen_dataset
from training.data.mapped_split import MappedSplit, read_mapped_split
from training.data.splits import (
    TEST,
    TRAIN,
    VALIDATION,
    Split,
    find_labels,
    has_other_split,
    is_one_file,
    read_other_split,
    read_split,
)
from training.output.progress import say
from tweets.emotions import NEUTRAL


@dataclass(frozen=True, slots=True)
class Source:
    """The labels and the splits of a data set, `train` first."""

    labels: tuple[str, ...]
    splits: tuple[Split, ...]
    mapping: dict[str, Any] = field(default_factory=dict)
    """Of a mapped data set, by split: how many rows have one label, several or none, after the mapping."""


def read_source(
    dataset: str, *, labels: Sequence[str] | None, data: Path | None, data_root: str, limit: int | None
) -> Source:
    """Read the splits. A mapped data set gives its rows with one label, and its neutral rows as a class.

    `labels` None are the labels of the training split, with a file the six emotions. `limit` is the number of rows that
    are read from each split, None: all. Raises TrainingError if the data set or the file cannot be used.
    """
    if data is None:
        own = tuple(labels or find_labels(dataset))
        return Source(own, tuple(_splits(dataset, own, limit=limit)))
    spec = chosen_dataset(data, dataset, root=data_root, labels=labels)
    found = []
    for name in (TRAIN, VALIDATION, TEST):
        if name == TRAIN or has_other_split(spec.source, name):
            found.append(read_mapped_split(spec, name, limit=limit, skipped=True))
        else:
            _say_missing(dataset, name)
    classes = (*spec.ours, NEUTRAL) if spec.has_neutral and NEUTRAL not in spec.ours else spec.ours
    splits = tuple(split.one_label(neutral=True) for split in found)
    return Source(classes, splits, {split.name: _counts(split) for split in found})


def _splits(dataset: str, labels: Sequence[str], *, limit: int | None) -> Iterator[Split]:
    """Yield `train`, then the other splits that exist; a single file is `train` and has no other splits."""
    yield read_split(dataset, TRAIN, labels, limit=limit)
    if is_one_file(dataset):
        say(f"{dataset} is a single file: read as split {TRAIN!r}, no other splits")
        return
    for name in (VALIDATION, TEST):
        split = read_other_split(dataset, name, labels, limit=limit)
        if split is None:
            _say_missing(dataset, name)
        else:
            yield split


def _say_missing(dataset: str, split: str) -> None:
    say(f"data set {dataset!r} has no split {split!r}: left out of the report")


def _counts(split: MappedSplit) -> dict[str, int]:
    counts = Counter(min(len(targets), 2) for targets in split.targets)
    return {"rows": len(split), "one_label": counts[1], "several_labels": counts[2], "no_label": counts[0]}
