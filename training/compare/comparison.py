"""What is compared, and what came of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from training.compare.entry import Entry
from training.output.errors import TrainingError
from training.output.progress import say

Attempts = Iterable[tuple[str, Callable[[], Entry]]]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compared, and under which budget."""

    dataset: str
    bases: tuple[str, ...]
    """`tfidf`, `auto`, `minilm`, folders or hub ids."""
    imbalance: tuple[str, ...]
    """Names of strategies (training.learn.imbalance.Imbalance)."""
    epochs: int
    seed: int
    limit: int | None
    """Learn from the first rows only; None: all."""


@dataclass(slots=True)
class Comparison:
    """What came of a plan."""

    models: list[Entry] = field(default_factory=list)
    strategies: list[Entry] = field(default_factory=list)
    base: str | None = None
    """The one that the strategies were tried on."""
    left_out: list[dict[str, str]] = field(default_factory=list)
    """`name` and `reason`, one line each."""

    def attempt(self, attempts: Attempts) -> list[Entry]:
        """Return the entries of those that could be trained, and note the others."""
        entries: list[Entry] = []
        for name, train in attempts:
            try:
                entries.append(train())
            except TrainingError as error:
                self.leave_out(name, str(error))
        return entries

    def leave_out(self, name: str, reason: str) -> None:
        """Note why there is no such entry."""
        say(f"{name} is left out: {reason}")
        self.left_out.append({"name": name, "reason": reason})
