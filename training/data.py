"""Labelled splits of a data set: read once, checked once, as texts and class numbers."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from producer.datasets import DatasetError, Row, read_rows
from training.errors import TrainingError
from worker.messages import EMOTIONS

TRAIN, VALIDATION, TEST = "train", "validation", "test"


@dataclass(frozen=True, slots=True)
class Split:
    """One split; `numbers` are the rows' numbers in the data set, `targets` index the label set."""

    name: str
    numbers: tuple[int, ...]
    texts: tuple[str, ...]
    targets: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def sha256(self) -> str:
        """Return the digest of texts and class numbers in their order: the data, whatever file it came from."""
        digest = hashlib.sha256()
        for text, target in zip(self.texts, self.targets, strict=True):
            digest.update(json.dumps([text, target]).encode() + b"\n")
        return digest.hexdigest()


def find_labels(dataset: str) -> tuple[str, ...]:
    """Return the label set of a data set, from the names in its training split.

    Names that are all emotions mean the six emotions in their usual order; others stand in order of appearance.
    """
    found = dict.fromkeys(row.label for row in _rows(dataset, TRAIN, EMOTIONS) if row.label is not None)
    if not found:
        raise TrainingError(f"data set {dataset!r}, split {TRAIN!r}: no row has a label; add a column 'label'")
    return EMOTIONS if set(found) <= set(EMOTIONS) else tuple(found)


def read_split(dataset: str, split: str, labels: Sequence[str], *, limit: int | None = None) -> Split:
    """Read one split; `limit` keeps only its first rows. Raises TrainingError for anything that cannot be used."""
    number_of = {label: number for number, label in enumerate(labels)}
    rows: list[tuple[int, str, int]] = []
    for row in _rows(dataset, split, labels):
        if limit is not None and len(rows) == limit:
            break
        rows.append((row.number, row.text, _target(row, number_of, where=f"data set {dataset!r}, {split!r}")))
    if not rows:
        raise TrainingError(f"data set {dataset!r}: split {split!r} is empty; give one with labelled rows")
    numbers, texts, targets = zip(*rows, strict=True)
    return Split(split, numbers, texts, targets)


def require_every_class(split: Split, labels: Sequence[str]) -> None:
    """Raise TrainingError where a label has no row to learn from."""
    missing = [label for number, label in enumerate(labels) if number not in set(split.targets)]
    if missing:
        present = ",".join(label for label in labels if label not in missing)
        raise TrainingError(
            f"split {split.name!r} ({len(split)} rows) has no row labelled {', '.join(missing)}; "
            f"add some, or leave the label out: --labels {present}"
        )


def _rows(dataset: str, split: str, labels: Sequence[str]) -> Iterator[Row]:
    try:
        yield from read_rows(dataset, split, labels=labels)
    except DatasetError as error:
        raise TrainingError(str(error)) from error


def _target(row: Row, number_of: dict[str, int], *, where: str) -> int:
    if row.label is None:
        raise TrainingError(f"{where}, row {row.number}: no label; add a column 'label' or delete the row")
    if row.label not in number_of:
        known = ", ".join(number_of)
        raise TrainingError(
            f"{where}, row {row.number}: unknown label {row.label!r}; known are {known}; change it or give --labels"
        )
    return number_of[row.label]
