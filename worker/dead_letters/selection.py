"""Which dead letters a command is about: by reason and by the time at which the worker wrote them."""

from dataclasses import dataclass

from worker.dead_letters.letter import Letter


@dataclass(frozen=True, slots=True)
class Selection:
    """No reasons are all reasons. `since_ms` is included, `until_ms` is not; both are Unix milliseconds.

    A dead letter without a time is in no span of time.
    """

    reasons: tuple[str, ...] = ()
    since_ms: int | None = None
    until_ms: int | None = None

    @property
    def is_all(self) -> bool:
        """Whether every dead letter is selected."""
        return self == Selection()

    def selects(self, letter: Letter) -> bool:
        """Return whether the dead letter is selected."""
        if self.reasons and letter.reason not in self.reasons:
            return False
        if self.since_ms is None and self.until_ms is None:
            return True
        at_ms = letter.at_ms
        return (
            at_ms is not None
            and (self.since_ms is None or at_ms >= self.since_ms)
            and (self.until_ms is None or at_ms < self.until_ms)
        )
