"""A data set whose labels are mapped onto the labels of the model, onto neutral, or onto nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training.data.raw_tweets import SHIPPED
from training.output.errors import TrainingError, reason_of
from tweets.datasets import Row, dataset_name
from tweets.emotions import NEUTRAL

SKIP: Final = "skip"
"""The target of labels that are left out: a row without another label takes part through a teacher alone."""

Targets = tuple[int, ...]
"""Class numbers of one row, ascending, in equal parts; neutral is the number after the last label. Empty: skipped."""


@dataclass(frozen=True, slots=True)
class MappedDataset:
    """One data set, the mapping of its labels, and the share that it has in training."""

    path: str
    """A path relative to `root`, an absolute path, an id of the hub, or the name of tweets of this package."""
    ours: tuple[str, ...]
    """The labels of the model, in the order of its outputs."""
    labels: Mapping[str, tuple[str, ...]] | None = None
    """From a label of the data set to labels of the model, `(NEUTRAL,)` or `()` for skipped labels.

    None: the data set has the model's own labels. An empty mapping: no label is read, every row is skipped.
    """
    weight: float = 1.0
    """Weight of each row in the loss; a weight of 0 keeps the rows out of training."""
    ratio: float = 1.0
    """Share of the rows that an epoch shows; above 1 an epoch shows rows several times."""
    root: Path = Path()
    hub: str | None = None
    """The id of the hub that is read where the path does not exist."""

    @property
    def source(self) -> str:
        """Return the path or the id of the hub under which the data set is read.

        Raises TrainingError if the path cannot be looked up, such as that of an unknown user.
        """
        if self.path in SHIPPED:
            return str(SHIPPED[self.path])
        try:
            local = self.root / Path(self.path).expanduser()
            if local.exists():
                return str(local)
        except (RuntimeError, OSError) as error:
            raise TrainingError(f"data set {self.path!r}: no path ({reason_of(error)}); correct `path`") from error
        return self.hub or self.path

    @property
    def name(self) -> str:
        """Return the short name of the data set."""
        return dataset_name(self.path)

    @property
    def has_neutral(self) -> bool:
        """Return whether a label is mapped onto neutral; the rows of other data sets say nothing about neutral."""
        if NEUTRAL in self.ours:  # a label of the model's own, which is predicted like its other labels
            return False
        return any(NEUTRAL in names for names in (self.labels or {}).values())

    def targets_of(self, row: Row, split: str) -> Targets:
        """Return the class numbers of a row. Raises TrainingError if a label has no mapping or is missing."""
        if self.labels is not None and not self.labels:
            return ()
        where = f"data set {self.source!r}, split {split!r}, row {row.number}"
        numbers: set[int] = set()
        for name in their_labels(row, where):
            numbers.update(self._number_of(ours) for ours in self._mapped(name, where))
        return tuple(sorted(numbers))

    def _mapped(self, name: str, where: str) -> Sequence[str]:
        if self.labels is None and name in self.ours:
            return (name,)
        if self.labels is None or name not in self.labels:
            raise TrainingError(
                f"{where}: label {name!r} has no mapping; add {name!r} to `labels` of this data set, with one of "
                f"{', '.join(self.ours)}, {NEUTRAL} or {SKIP}"
            )
        return self.labels[name]

    def _number_of(self, ours: str) -> int:
        return self.ours.index(ours) if ours in self.ours else len(self.ours)


def their_labels(row: Row, where: str) -> tuple[str, ...]:
    """Return the data set's own labels of a row. Raises TrainingError if the row has none; `where` names the row."""
    names = row.labels or (() if row.label is None else (row.label,))
    if not names:
        raise TrainingError(f"{where}: no label; add a value in the column 'label' or 'labels', or delete the row")
    return names
