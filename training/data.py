"""Labelled splits of a data set: read once, checked once, as texts and class numbers."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from training.errors import TrainingError
from training.progress import say
from tweets.datasets import DatasetError, Row, read_rows
from tweets.emotions import EMOTIONS

TRAIN, VALIDATION, TEST = "train", "validation", "test"

RAW_TWEETS: Final = "raw-tweets"
"""The name of the tweets that ship with this package: written for it, as people tweet and with few "I feel"."""
_RAW_TWEETS_FILE: Final = Path(__file__).with_name("raw_tweets.jsonl")


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


# Everything that a training run reads.


@dataclass(frozen=True, slots=True)
class LearningData:
    """The split to learn from, perhaps more rows to learn from, and the split to judge by."""

    labels: tuple[str, ...]
    train: Split
    added: Split | None
    validation: Split

    @property
    def texts(self) -> tuple[str, ...]:
        """All texts to learn from."""
        return self.train.texts + (self.added.texts if self.added else ())

    @property
    def targets(self) -> tuple[int, ...]:
        """Their class numbers."""
        return self.train.targets + (self.added.targets if self.added else ())

    def digests(self) -> dict[str, Any]:
        """Return rows and SHA-256 of each part."""
        parts = {TRAIN: self.train, "added": self.added, VALIDATION: self.validation}
        return {name: {"rows": len(split), "sha256": split.sha256()} for name, split in parts.items() if split}

    def sha256(self) -> str:
        """Return one digest of it all."""
        return hashlib.sha256(json.dumps([self.labels, self.digests()]).encode()).hexdigest()

    def described(self) -> str:
        """Return the sizes in words."""
        more = f" and {len(self.added)} added" if self.added else ""
        counts = f"{len(self.train)}{more} training rows, {len(self.validation)} validation rows"
        return f"{counts}, {len(self.labels)} labels"


def read_learning_data(
    dataset: str, labels: Sequence[str] | None, *, add: str | None, limit: int | None = None
) -> LearningData:
    """Read what a run learns from and is judged by. Raises TrainingError for anything that cannot be used.

    Rows that stand in two splits are told, not removed: scores on the public splits stay comparable. Added rows that
    stand in the validation split are left out, and the shipped tweets are added only to the six emotions.
    """
    known = tuple(labels or find_labels(dataset))
    train = read_split(dataset, TRAIN, known, limit=limit)
    require_every_class(train, known)
    validation = read_split(dataset, VALIDATION, known)
    warn_of_leaks(train, validation)
    added = None
    if add == RAW_TWEETS and known == EMOTIONS:
        added = without_texts_of(read_split(str(_RAW_TWEETS_FILE), TRAIN, known), validation)
    elif add not in (None, RAW_TWEETS):
        added = without_texts_of(read_split(add, TRAIN, known), validation)
    return LearningData(known, train, added, validation)


def warn_of_leaks(one: Split, other: Split) -> None:
    """Say how many texts of one split stand in the other too."""
    shared = set(one.texts) & set(other.texts)
    if shared:
        rows = sum(text in shared for text in other.texts)
        say(
            f"warning: {rows} of {len(other)} rows of {other.name!r} stand in {one.name!r} too; "
            "scores on them say nothing about new tweets"
        )


def without_texts_of(split: Split, other: Split) -> Split:
    """Return the split without the rows whose texts stand in the other one."""
    taken = set(other.texts)
    rows = [row for row in zip(split.numbers, split.texts, split.targets, strict=True) if row[1] not in taken]
    if len(rows) < len(split):
        say(f"{len(split) - len(rows)} added rows stand in {other.name!r} too and are left out")
    numbers, texts, targets = zip(*rows, strict=True) if rows else ((), (), ())
    return Split(split.name, numbers, texts, targets)


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
            f"{where}, row {row.number}: unknown label {row.label!r}; known are {known}; "
            "change it, or train with --labels"
        )
    return number_of[row.label]
