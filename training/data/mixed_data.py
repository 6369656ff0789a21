"""The data of a run on several data sets: rows to train on without texts of evaluation sets, and validation rows."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from training.data.mapped_split import MappedSplit, read_mapped_split, read_other_mapped_split
from training.data.mapping import MappedDataset
from training.data.parts import TrainingPart
from training.data.splits import TEST, TRAIN, VALIDATION, Split, require_trainable
from training.output.errors import TrainingError
from training.output.progress import say
from tweets.datasets import SAMPLE_FILES, read_rows
from tweets.emotions import NEUTRAL

Normalize = Callable[[str], str]

EVALUATION_SAMPLES = tuple(SAMPLE_FILES)
"""Shipped data sets that are never trained on."""


@dataclass(frozen=True, slots=True)
class MixedData:
    """The training rows of several data sets, and the validation splits of those that have one."""

    specs: tuple[MappedDataset, ...]
    """All data sets, also those that are only evaluated."""
    labels: tuple[str, ...]
    has_neutral: bool
    """Whether a data set knows neutral: the model gets an output for it."""
    splits: tuple[MappedSplit, ...]
    """The training split of each data set that is trained on."""
    parts: tuple[TrainingPart, ...]
    """The rows of `splits`, with the weight and ratio of their data set."""
    validations: tuple[MappedSplit, ...]
    """That of the first data set first."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Training rows that were left out, by the evaluation set or data set that has the same text."""

    @property
    def texts(self) -> tuple[str, ...]:
        """Return all texts to train on, part after part."""
        return tuple(chain.from_iterable(part.texts for part in self.parts))

    @property
    def validation(self) -> Split:
        """Return the validation rows of the first data set that have exactly one label."""
        return self.validations[0].one_label()

    def digests(self) -> dict[str, Any]:
        """Return rows and SHA-256 of each split, JSON-ready; the first data set's without the name of the data set."""
        first = self.validations[0].dataset
        return {
            split.name if split.dataset == first else f"{split.dataset} {split.name}": {
                "rows": len(split),
                "sha256": split.sha256(),
            }
            for split in (*self.splits, *self.validations)
        }

    def sha256(self) -> str:
        """Return one SHA-256 of labels, splits, weights and ratios."""
        shares = [(part.weight, part.ratio, part.knows_neutral) for part in self.parts]
        return hashlib.sha256(json.dumps([self.labels, self.digests(), shares]).encode()).hexdigest()

    def described(self) -> str:
        """Return a phrase with the numbers of rows and labels, for a progress line."""
        rows = ", ".join(f"{len(part)} of {part.name}" for part in self.parts)
        validation = ", ".join(f"{len(split)} of {split.dataset}" for split in self.validations)
        more = " and neutral" if self.has_neutral else ""
        return f"training rows: {rows}; validation rows: {validation}; {len(self.labels)} labels{more}"


def read_mixed_data(
    specs: Sequence[MappedDataset], *, normalize: Normalize, limit: int | None = None, skipped: bool = False
) -> MixedData:
    """Read the training and validation rows of several data sets. Raises TrainingError if they cannot be used.

    Training rows with the text of an evaluation row, both normalised, are left out and counted in a printed line:
    evaluation rows are validation and test of every data set, and the shipped samples. A text of two data sets is
    trained on in the first of them. `limit` keeps the first rows of each training split; `skipped` keeps rows without a
    usable label, which learn from a teacher.
    """
    trained = [spec for spec in specs if spec.weight > 0 and spec.ratio > 0]
    for spec in trained:
        require_trainable(spec.path)
    validations = validation_splits(specs)
    overlaps = Overlaps(specs, normalize)
    splits = [overlaps.removed_from(read_mapped_split(spec, TRAIN, limit=limit, skipped=skipped)) for spec in trained]
    parts = tuple(
        TrainingPart(split.dataset, split.texts, split.targets, split.has_neutral, spec.weight, spec.ratio)
        for split, spec in zip(splits, trained, strict=True)
    )
    _require_every_label(parts, specs[0].ours, neutral=any(spec.has_neutral for spec in trained))
    return MixedData(
        specs=tuple(specs),
        labels=specs[0].ours,
        has_neutral=any(spec.has_neutral for spec in trained),
        splits=tuple(splits),
        parts=parts,
        validations=validations,
        left_out=overlaps.counts,
    )


def validation_splits(specs: Sequence[MappedDataset]) -> tuple[MappedSplit, ...]:
    """Return the validation splits of the data sets that have one. Raises TrainingError if the first has none."""
    found = [read_other_mapped_split(spec, VALIDATION) for spec in specs]
    if found[0] is None or len(found[0].one_label()) == 0:
        raise TrainingError(
            f"data set {specs[0].source!r}: the first data set needs a split {VALIDATION!r} with labels; list another "
            "data set first"
        )
    return tuple(split for split in found if split is not None)


class Overlaps:
    """Find training rows whose normalised text is in an evaluation set or in an earlier data set."""

    def __init__(self, specs: Sequence[MappedDataset], normalize: Normalize) -> None:
        self.counts: dict[str, int] = {}
        self._key: Normalize = lambda text: " ".join(normalize(text).casefold().split())
        self._owner: dict[str, str] = {}
        for name, texts in _evaluation_texts(specs):
            for text in texts:
                self._owner.setdefault(self._key(text), name)

    def removed_from(self, split: MappedSplit) -> MappedSplit:
        """Return the split without rows of others, and print and count how many were left out."""
        keys = [self._key(text) for text in split.texts]
        owners = [self._owner.get(key) for key in keys]
        for name in dict.fromkeys(owner for owner in owners if owner is not None):
            count = owners.count(name)
            self.counts[f"{split.dataset}, also in {name}"] = count
            say(f"{count} of {len(split)} training rows of {split.dataset} are also in {name} and are left out")
        for key in keys:
            self._owner.setdefault(key, split.dataset)
        return split.keep(owner is None for owner in owners)


def _evaluation_texts(specs: Sequence[MappedDataset]) -> Iterator[tuple[str, Sequence[str]]]:
    for spec in specs:
        for name in (VALIDATION, TEST):
            split = read_other_mapped_split(spec, name)
            if split is not None:
                yield f"{spec.name} {name}", split.texts
    for sample in EVALUATION_SAMPLES:
        yield sample, [row.text for row in read_rows(sample, TEST)]


def _require_every_label(parts: Sequence[TrainingPart], labels: Sequence[str], *, neutral: bool) -> None:
    names = (*labels, NEUTRAL) if neutral else tuple(labels)
    present = {target for part in parts for targets in part.targets for target in targets}
    missing = [name for number, name in enumerate(names) if number not in present]
    if missing:
        raise TrainingError(f"no training row of the data file is labelled {', '.join(missing)}; map a label onto each")
