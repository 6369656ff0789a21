"""The rows of an evaluation: those with a label of the model, and apart from them the neutral ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from training.data.mapped_split import read_mapped_split
from training.data.mapping import MappedDataset
from training.data.splits import Split, read_split
from training.output.errors import TrainingError
from tweets.emotions import NEUTRAL


@dataclass(frozen=True, slots=True)
class EvaluationRows:
    """The rows of one split: `labelled` have a label of the model, `neutral` have the label neutral.

    `neutral` is empty if neutral is itself a label of the model: such rows are among the labelled ones.
    """

    labelled: Split
    neutral: Split

    @property
    def both(self) -> Split:
        """Return all rows: the labelled ones, then the neutral ones."""
        pairs = [
            (getattr(self.labelled, name), getattr(self.neutral, name)) for name in ("numbers", "texts", "targets")
        ]
        return Split(self.labelled.name, *(one + other for one, other in pairs))


def read_evaluation_rows(
    dataset: str, split: str, labels: Sequence[str], *, limit: int | None = None
) -> EvaluationRows:
    """Read a split whose rows have labels of the model or the label neutral; `limit` keeps only the first rows.

    Raises TrainingError if a row or a label cannot be used, or if no row has a label of the model.
    """
    more = () if NEUTRAL in labels else (NEUTRAL,)
    return evaluation_rows(read_split(dataset, split, labels, more_labels=more, limit=limit), labels)


def read_mapped_evaluation_rows(
    spec: MappedDataset, split: str, *, same_names: bool, limit: int | None = None
) -> EvaluationRows:
    """Read the rows of a mapped data set that have a single label, which is mapped onto one label or onto neutral.

    `same_names` keeps only neutral rows and rows whose label has the name of the label that it is mapped onto. `limit`
    reads only the first rows. Raises TrainingError if a row or a label cannot be used, or if no row has a label of the
    model.
    """
    if same_names and spec.labels is not None:
        kept = {theirs: names if names in ((theirs,), (NEUTRAL,)) else () for theirs, names in spec.labels.items()}
        spec = replace(spec, labels=kept)
    rows = read_mapped_split(spec, split, limit=limit)
    return evaluation_rows(rows.one_label(alone=True, neutral=True), spec.ours)


def evaluation_rows(rows: Split, labels: Sequence[str]) -> EvaluationRows:
    """Divide rows into labelled and neutral ones; the class number of a neutral row is the number of `labels`."""
    labelled = _rows_with(rows, lambda target: target < len(labels))
    if not labelled:
        raise TrainingError(
            f"split {rows.name!r}: no row has a label of the model, which are {', '.join(labels)}; choose other rows"
        )
    return EvaluationRows(labelled, _rows_with(rows, lambda target: target >= len(labels)))


def _rows_with(rows: Split, wanted: Callable[[int], bool]) -> Split:
    chosen = [row for row in zip(rows.numbers, rows.texts, rows.targets, strict=True) if wanted(row[2])]
    numbers, texts, targets = zip(*chosen, strict=True) if chosen else ((), (), ())
    return Split(rows.name, numbers, texts, targets)
