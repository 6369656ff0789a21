"""The data of a training run: the rows to train on, and the validation rows that select the best epoch."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.data.leaks import warn_of_leaks, without_texts_of
from training.data.mapped_split import MappedSplit, mapped
from training.data.parts import TrainingPart
from training.data.raw_tweets import RAW_TWEETS, RAW_TWEETS_FILE
from training.data.splits import TRAIN, VALIDATION, Split, find_labels, read_split, require_trainable
from training.output.errors import TrainingError
from tweets.emotions import EMOTIONS


@dataclass(frozen=True, slots=True)
class LearningData:
    """The training split, further training rows or None, and the validation split."""

    labels: tuple[str, ...]
    train: Split
    added: Split | None
    validation: Split

    @property
    def texts(self) -> tuple[str, ...]:
        """Return all texts to train on: those of `train`, then those of `added`."""
        return self.train.texts + (self.added.texts if self.added else ())

    @property
    def targets(self) -> tuple[int, ...]:
        """Return the class number of each text in `texts`."""
        return self.train.targets + (self.added.targets if self.added else ())

    @property
    def has_neutral(self) -> bool:
        """Return False: the rows say nothing about neutral, the model gets no output for it."""
        return False

    @property
    def parts(self) -> tuple[TrainingPart, ...]:
        """Return the rows of `train`, then those of `added`, as the training loop takes them."""
        splits = (self.train, *([self.added] if self.added else []))
        return tuple(TrainingPart(split.name, split.texts, tuple((one,) for one in split.targets)) for split in splits)

    @property
    def validations(self) -> tuple[MappedSplit, ...]:
        """Return the validation split as the training loop takes it."""
        return (mapped(self.validation, self.labels),)

    def digests(self) -> dict[str, Any]:
        """Return the number of rows and the SHA-256 of each split, JSON-ready."""
        parts = {TRAIN: self.train, "added": self.added, VALIDATION: self.validation}
        return {name: {"rows": len(split), "sha256": split.sha256()} for name, split in parts.items() if split}

    def sha256(self) -> str:
        """Return one SHA-256 of the labels and all splits."""
        return hashlib.sha256(json.dumps([self.labels, self.digests()]).encode()).hexdigest()

    def described(self) -> str:
        """Return a phrase with the numbers of rows and labels, for a progress line."""
        more = f" and {len(self.added)} added" if self.added else ""
        counts = f"{len(self.train)}{more} training rows, {len(self.validation)} validation rows"
        return f"{counts}, {len(self.labels)} labels"


def read_learning_data(
    dataset: str, labels: Sequence[str] | None, *, add: str | None, limit: int | None = None
) -> LearningData:
    """Read the training rows and the validation rows. Raises TrainingError if a split or a label cannot be used.

    `labels` None takes the labels of the training split; `add` is `RAW_TWEETS`, another data set or None; `limit` keeps
    the first rows of the training split. A warning reports validation rows whose texts are also training rows; the
    rows stay, so that scores on public splits remain comparable. Added rows whose texts are in the validation split
    are removed, and the shipped tweets are added only if the labels are the six emotions.
    """
    for name in (dataset, add):
        require_trainable(name or "")
    known = tuple(labels or find_labels(dataset))
    if len(known) < 2:
        raise TrainingError(
            f"data set {dataset!r}: its only label is {known[0]!r}; add rows of at least one other label"
        )
    train = read_split(dataset, TRAIN, known, limit=limit)
    require_every_class(train, known)
    validation = read_split(dataset, VALIDATION, known)
    warn_of_leaks(train.texts, validation, where=train.name)
    added = None
    if add == RAW_TWEETS and set(known) == set(EMOTIONS):
        added = without_texts_of(read_split(str(RAW_TWEETS_FILE), TRAIN, known), validation)
    elif add not in (None, RAW_TWEETS):
        added = without_texts_of(read_split(add, TRAIN, known), validation)
    return LearningData(known, train, added, validation)


def require_every_class(split: Split, labels: Sequence[str]) -> None:
    """Raise TrainingError if a label has no row in the split."""
    missing = [label for number, label in enumerate(labels) if number not in set(split.targets)]
    if missing:
        present = ",".join(label for label in labels if label not in missing)
        raise TrainingError(
            f"split {split.name!r} ({len(split)} rows) has no row labelled {', '.join(missing)}; "
            f"add such rows, or omit the label: --labels {present}"
        )
