"""Choose one data set of a file that maps the labels of several."""

from collections.abc import Sequence
from pathlib import Path

from training.data.data_file import read_data_file
from training.data.mapping import MappedDataset
from training.output.errors import TrainingError
from tweets.datasets import dataset_name


def chosen_dataset(file: Path, dataset: str, *, root: str, labels: Sequence[str] | None = None) -> MappedDataset:
    """Return the data set of the file whose short name is that of `dataset`.

    `root` is the folder of relative paths in the file, `labels` are those of the model, None: the six emotions. Raises
    TrainingError if the file cannot be used or has no such data set.
    """
    specs = read_data_file(file, root=Path(root), labels=labels)
    for spec in specs:
        if spec.name == dataset_name(dataset):
            return spec
    names = ", ".join(spec.name for spec in specs)
    raise TrainingError(f"{file}: no data set is called {dataset!r}; choose one with --dataset: {names}")
