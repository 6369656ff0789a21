"""Read again the data sets that a run was trained on, from the record of the run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.data.data_file import from_record
from training.data.mapped_split import MappedSplit, mapped
from training.data.mapping import MappedDataset
from training.data.mixed_data import validation_splits
from training.data.splits import VALIDATION, read_split


def recorded_datasets(
    record: Mapping[str, Any], labels: Sequence[str], *, root: Path | None = None
) -> tuple[MappedDataset, ...]:
    """Return the data sets of a run on a data file, none of a run on one data set; `root` replaces the run's root."""
    return from_record(record.get("datasets", ()), labels, root or Path(record.get("data_root", ".")))


def recorded_validations(
    record: Mapping[str, Any], labels: Sequence[str], *, dataset: str, root: Path | None = None
) -> tuple[MappedSplit, ...]:
    """Return the validation splits of a run, that of its first data set first.

    `dataset` is the path of a run on one data set, `root` the folder of the paths of a run on several. Raises
    TrainingError if a data set cannot be read.
    """
    specs = recorded_datasets(record, labels, root=root)
    if specs:
        return validation_splits(specs)
    return (mapped(read_split(dataset, VALIDATION, labels), labels),)
