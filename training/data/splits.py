"""Read and check the labelled splits of a data set, as texts and class numbers."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.output.errors import TrainingError
from tweets.datasets import SAMPLE_FILES, DatasetError, Row, SplitMissingError, read_rows
from tweets.emotions import EMOTIONS

TRAIN, VALIDATION, TEST = "train", "validation", "test"


@dataclass(frozen=True, slots=True)
class Split:
    """One split; `numbers` are the rows' numbers in the data set, `targets` their class numbers, both from 0."""

    name: str
    numbers: tuple[int, ...]
    texts: tuple[str, ...]
    targets: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def sha256(self) -> str:
        """Return the SHA-256 of texts and class numbers in their order; the format of the file does not matter."""
        digest = hashlib.sha256()
        for text, target in zip(self.texts, self.targets, strict=True):
            digest.update(json.dumps([text, target]).encode() + b"\n")
        return digest.hexdigest()


def find_labels(dataset: str) -> tuple[str, ...]:
    """Return the label set of a data set, from the labels in its training split.

    Label numbers mean the six emotions. Label names are in order of first appearance; if all names are emotions, they
    are in the order of `EMOTIONS`. Raises TrainingError if no row has a label or the split cannot be read.
    """
    found = dict.fromkeys(row.label for row in _rows(dataset, TRAIN, EMOTIONS) if row.label is not None)
    if not found:
        raise TrainingError(f"data set {dataset!r}, split {TRAIN!r}: no row has a label; add a column 'label'")
    if not set(found) <= set(EMOTIONS):
        return tuple(found)
    if len(found) < len(EMOTIONS) and _has_names_only(dataset):
        return tuple(label for label in EMOTIONS if label in found)
    return EMOTIONS


def read_split(
    dataset: str, split: str, labels: Sequence[str], *, more_labels: Sequence[str] = (), limit: int | None = None
) -> Split:
    """Read one split; `limit` keeps only its first rows. Raises TrainingError if a row or a label cannot be used.

    `more_labels` are names that rows may have too; their class numbers follow those of `labels`. A label id in the data
    set names one of `labels`.
    """
    number_of = {label: number for number, label in enumerate((*labels, *more_labels))}
    rows: list[tuple[int, str, int]] = []
    for row in _rows(dataset, split, labels):
        if limit is not None and len(rows) == limit:
            break
        rows.append((row.number, row.text, _target(row, number_of, where=f"data set {dataset!r}, {split!r}")))
    if not rows:
        raise TrainingError(f"data set {dataset!r}: split {split!r} is empty; add labelled rows")
    numbers, texts, targets = zip(*rows, strict=True)
    return Split(split, numbers, texts, targets)


def read_other_split(dataset: str, split: str, labels: Sequence[str], *, limit: int | None = None) -> Split | None:
    """Read a split, or return None if the data set has no such split. Raises TrainingError for a broken split."""
    return read_split(dataset, split, labels, limit=limit) if has_other_split(dataset, split) else None


def has_other_split(dataset: str, split: str) -> bool:
    """Return whether a data set has this split besides the split in use; the rows of the split are not read.

    A single file has no other split. Raises TrainingError for a data set that cannot be read.
    """
    if is_one_file(dataset):
        return False
    try:
        read_rows(dataset, split)
    except SplitMissingError:
        return False
    except DatasetError as error:
        raise TrainingError(str(error)) from error
    return True


def require_trainable(dataset: str) -> None:
    """Raise TrainingError for a shipped sample: scores on tweets that were trained on would mean nothing."""
    if dataset in SAMPLE_FILES:
        raise TrainingError(
            f"data set {dataset!r} is for evaluation only and is never trained on; give another data set"
        )


def is_one_file(dataset: str) -> bool:
    """Return whether a data set is a single file: the file is read as one split, whatever the name of the split."""
    return dataset in SAMPLE_FILES or Path(dataset).expanduser().is_file()


def read_texts(dataset: str, split: str, labels: Sequence[str]) -> list[str]:
    """Read the texts of a split; the rows need no label. Raises TrainingError for a row that cannot be read."""
    return [row.text for row in _rows(dataset, split, labels)]


def _has_names_only(dataset: str) -> bool:
    """Return whether all labels of the training split are names: an empty label set refuses every number."""
    try:
        for _ in read_rows(dataset, TRAIN, labels=()):
            pass
    except DatasetError:
        return False
    return True


def _rows(dataset: str, split: str, labels: Sequence[str]) -> Iterator[Row]:
    try:
        yield from read_rows(dataset, split, labels=labels)
    except DatasetError as error:
        raise TrainingError(str(error)) from error


def _target(row: Row, number_of: dict[str, int], *, where: str) -> int:
    if row.label is None:
        raise TrainingError(f"{where}, row {row.number}: no label; add a value in the column 'label' or delete the row")
    if row.label not in number_of:
        known = ", ".join(number_of)
        raise TrainingError(
            f"{where}, row {row.number}: unknown label {row.label!r}, known labels are {known}; "
            "correct the label, or train with --labels"
        )
    return number_of[row.label]
