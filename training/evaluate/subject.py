"""The rows and the engine of an evaluation."""

from dataclasses import dataclass

from tweets.datasets import dataset_name


@dataclass(frozen=True, slots=True)
class Subject:
    """The rows that are scored, and the engine that computes the scores."""

    dataset: str
    split: str
    shifted: bool
    """Whether the texts are changed to raw tweets first (training.data.shift)."""
    engine: str
    limit: int | None
    """Number of rows from the start of the split; None: all."""

    @property
    def name(self) -> str:
        """The first part of each row's id."""
        return f"{dataset_name(self.dataset)}-{self.split}"

    @property
    def described(self) -> str:
        """The rows' name in titles and in the printed report."""
        return f"{self.name}, shifted" if self.shifted else self.name
