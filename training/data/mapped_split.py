"""Read one split of a mapped data set: texts, and for each text the model's labels or neutral."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from training.data.mapping import MappedDataset, Targets, their_labels
from training.data.splits import Split, has_other_split
from training.output.errors import TrainingError
from tweets.datasets import DatasetError, Row, read_rows


@dataclass(frozen=True, slots=True)
class MappedSplit:
    """One split in the labels of the model; all tuples have one entry for each row."""

    name: str
    dataset: str
    """The short name of the data set."""
    labels: tuple[str, ...]
    has_neutral: bool
    """Whether the data set knows neutral; otherwise its rows with a label say nothing about neutral."""
    numbers: tuple[int, ...]
    """The rows' numbers in the data set, from 0."""
    texts: tuple[str, ...]
    targets: tuple[Targets, ...]
    """The class numbers of each row in equal parts; neutral is `len(labels)`, a skipped row has none."""
    alone: tuple[bool, ...]
    """Whether the row has a single label in the data set, mapped or not."""

    def __len__(self) -> int:
        return len(self.texts)

    def keep(self, wanted: Iterable[bool]) -> "MappedSplit":
        """Return the split with the rows for which `wanted` is true."""
        rows = [row for row, kept in enumerate(wanted) if kept]
        return replace(
            self,
            numbers=tuple(self.numbers[row] for row in rows),
            texts=tuple(self.texts[row] for row in rows),
            targets=tuple(self.targets[row] for row in rows),
            alone=tuple(self.alone[row] for row in rows),
        )

    def one_label(self, *, alone: bool = False, neutral: bool = False) -> Split:
        """Return the rows with exactly one target, as class numbers.

        `alone` keeps only rows with a single label in the data set: rows with a skipped label too are left out.
        `neutral` keeps the neutral rows, as class number `len(labels)`; otherwise neutral rows are left out.
        """
        count = len(self.labels) + neutral
        singles = zip(self.targets, self.alone, strict=True)
        kept = self.keep(len(row) == 1 and row[0] < count and (one or not alone) for row, one in singles)
        return Split(self.name, kept.numbers, kept.texts, tuple(target for (target,) in kept.targets))

    def sha256(self) -> str:
        """Return the SHA-256 of texts and targets in their order."""
        digest = hashlib.sha256()
        for text, target in zip(self.texts, self.targets, strict=True):
            digest.update(json.dumps([text, target]).encode() + b"\n")
        return digest.hexdigest()


def mapped(split: Split, labels: Sequence[str]) -> MappedSplit:
    """Return a split of a data set with the model's own labels, one for each row, none of them neutral."""
    targets = tuple((target,) for target in split.targets)
    alone = (True,) * len(split)
    return MappedSplit(split.name, split.name, tuple(labels), False, split.numbers, split.texts, targets, alone)


def read_mapped_split(
    spec: MappedDataset, split: str, *, limit: int | None = None, skipped: bool = False
) -> MappedSplit:
    """Read one split of a mapped data set; a data set in a single file is read as any split.

    `limit` reads only the first rows; `skipped` keeps the rows without a target. Raises TrainingError if the data set
    has no such split, no row is left, or a row has a label without a mapping.
    """
    rows: list[tuple[int, str, Targets, bool]] = []
    for row in _first(_rows(spec, split), limit):
        targets = spec.targets_of(row, split)
        if targets or skipped:
            rows.append((row.number, row.text, targets, _is_alone(spec, row)))
    if not rows:
        raise TrainingError(f"data set {spec.source!r}: split {split!r} has no row with a usable label; check `labels`")
    numbers, texts, classes, alone = zip(*rows, strict=True)
    return MappedSplit(split, spec.name, spec.ours, spec.has_neutral, numbers, texts, classes, alone)


def read_other_mapped_split(spec: MappedDataset, split: str) -> MappedSplit | None:
    """Read a split besides the training split; None if the data set has no such split or no row with a label in it."""
    if spec.labels == {} or not has_other_split(spec.source, split):
        return None
    return read_mapped_split(spec, split)


def _is_alone(spec: MappedDataset, row: Row) -> bool:
    return spec.labels != {} and len(their_labels(row, spec.source)) == 1


def _rows(spec: MappedDataset, split: str) -> Iterator[Row]:
    try:
        yield from read_rows(spec.source, split, labels=spec.ours)
    except DatasetError as error:
        raise TrainingError(str(error)) from error


def _first(rows: Iterator[Row], limit: int | None) -> Iterator[Row]:
    for count, row in enumerate(rows):
        if limit is not None and count == limit:
            return
        yield row
