"""Everything that a training run reads: the rows to learn from, and the rows that choose its best epoch."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from training.data.leaks import warn_of_leaks, without_texts_of
from training.data.splits import TRAIN, VALIDATION, Split, find_labels, read_split
from training.output.errors import TrainingError
from tweets.emotions import EMOTIONS

RAW_TWEETS: Final = "raw-tweets"
"""The name of the tweets that ship with this package: written for it, as people tweet and with few "I feel"."""
RAW_TWEETS_FILE: Final = Path(__file__).with_name("raw_tweets.jsonl")
"""Labelled with the six emotions."""


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
    if len(known) < 2:
        raise TrainingError(f"data set {dataset!r}: its only label is {known[0]!r}; give rows with at least two labels")
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
    """Raise TrainingError where a label has no row to learn from."""
    missing = [label for number, label in enumerate(labels) if number not in set(split.targets)]
    if missing:
        present = ",".join(label for label in labels if label not in missing)
        raise TrainingError(
            f"split {split.name!r} ({len(split)} rows) has no row labelled {', '.join(missing)}; "
            f"add some, or leave the label out: --labels {present}"
        )
