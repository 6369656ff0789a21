"""What an evaluation scores."""

from dataclasses import dataclass

from tweets.datasets import dataset_name


@dataclass(frozen=True, slots=True)
class Subject:
    """Which rows are scored, and on which engine."""

    dataset: str
    split: str
    shifted: bool
    """As they might have been tweeted."""
    engine: str
    limit: int | None
    """The first rows only; None: all."""

    @property
    def name(self) -> str:
        """What the rows' ids begin with."""
        return f"{dataset_name(self.dataset)}-{self.split}"

    @property
    def described(self) -> str:
        """What is scored, for people."""
        return f"{self.name}, shifted" if self.shifted else self.name
