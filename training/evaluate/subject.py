"""The rows and the engine of an evaluation."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tweets.datasets import dataset_name


@dataclass(frozen=True, slots=True)
class Subject:
    """The rows that are scored, and the engine that computes the scores."""

    dataset: str
    """A path, a hub id or the name of a shipped sample; with `data`, the short name of a data set in that file."""
    split: str
    shifted: bool
    """Whether the texts are changed to raw tweets first (training.data.shift)."""
    engine: str
    limit: int | None
    """Number of rows from the start of the split; None: all."""
    data: Path | None = None
    """A YAML file that lists data sets and the mapping of their labels (training.data.data_file)."""
    data_root: str = "."
    """The folder of the relative paths in `data`."""
    same_names: bool = False
    """With `data`: whether only rows count whose label has the name of one of the model's labels, or of neutral."""
    neutral_threshold: float | None = None
    """The probability above which a row is called neutral; None: the one that the model folder suggests."""

    def as_dict(self) -> dict[str, Any]:
        """Return the arguments JSON-ready."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}

    @property
    def name(self) -> str:
        """The first part of each row's id."""
        return f"{dataset_name(self.dataset)}-{self.split}"

    @property
    def described(self) -> str:
        """The rows' name in titles and in the printed report."""
        return ", ".join([self.name, *(["same names"] * self.same_names), *(["shifted"] * self.shifted)])
