"""The plan of a comparison and its results."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from training.compare.entry import Entry
from training.output.errors import TrainingError
from training.output.progress import say

Attempts = Iterable[tuple[str, Callable[[], Entry]]]
"""Names of entries, and the functions that train them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The entries to train, and the budget of each entry."""

    dataset: str
    bases: tuple[str, ...]
    """`tfidf`, `auto`, `minilm`, folders or hub ids, in the order of the report."""
    imbalance: tuple[str, ...]
    """Strategies for class imbalance by name (training.learn.imbalance.Imbalance)."""
    epochs: int
    seed: int
    limit: int | None
    """Number of training rows from the start of the split; None: all."""
    data: Path | None = None
    """A file that maps the labels of data sets, of which `dataset` is one; None: `dataset` has the labels itself."""
    labels: tuple[str, ...] | None = None
    """None: the labels of the training split, with `data` the six emotions."""
    data_root: str = "."
    """The folder of the relative paths in `data`."""


@dataclass(slots=True)
class Comparison:
    """The results of a plan."""

    models: list[Entry] = field(default_factory=list)
    strategies: list[Entry] = field(default_factory=list)
    base: str | None = None
    """The base that the strategies were tried on."""
    left_out: list[dict[str, str]] = field(default_factory=list)
    """`name` and `reason` of each entry that could not be trained."""

    def attempt(self, attempts: Attempts) -> list[Entry]:
        """Return the entries that could be trained, and record the others as left out."""
        entries: list[Entry] = []
        for name, train in attempts:
            try:
                entries.append(train())
            except TrainingError as error:
                self.leave_out(name, str(error))
        return entries

    def leave_out(self, name: str, reason: str) -> None:
        """Record and print why an entry is left out."""
        say(f"{name} is left out: {reason}")
        self.left_out.append({"name": name, "reason": reason})
