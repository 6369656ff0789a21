"""How many dead letters there are, by reason, by partition and by time."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from tweets.periods import PERIOD_MS, Unit
from tweets.timestamps import rfc3339_ms, rfc3339_s
from worker.dead_letters.letter import Letter

_HOURS_MAX: Final = 48
"""Rows by hour; where dead letters are spread over more hours, the rows are days."""


@dataclass(slots=True)
class Span:
    """How many dead letters of a kind, and the times of the first and the last of them, in Unix milliseconds."""

    letters: int = 0
    first_ms: int | None = None
    last_ms: int | None = None

    def add(self, at_ms: int | None) -> None:
        """Count one dead letter."""
        self.letters += 1
        if at_ms is not None:
            self.first_ms = at_ms if self.first_ms is None else min(self.first_ms, at_ms)
            self.last_ms = at_ms if self.last_ms is None else max(self.last_ms, at_ms)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object; a kind without a known time has no times."""
        times = {"first": self.first_ms, "last": self.last_ms}
        return {"letters": self.letters} | {name: rfc3339_ms(at) for name, at in times.items() if at is not None}


@dataclass(slots=True)
class LetterCounts:
    """The counts of all dead letters that were added."""

    total: Span = field(default_factory=Span)
    by_reason: dict[str, Span] = field(default_factory=dict)
    by_partition: dict[int, Span] = field(default_factory=dict)
    _hours: Counter[int] = field(default_factory=Counter)

    def add(self, letter: Letter) -> None:
        """Count one dead letter."""
        number, at_ms = letter.record.partition.number, letter.at_ms
        self.total.add(at_ms)
        self.by_reason.setdefault(letter.reason, Span()).add(at_ms)
        self.by_partition.setdefault(number, Span()).add(at_ms)
        if at_ms is not None:
            self._hours[at_ms // PERIOD_MS["hour"]] += 1

    @property
    def step(self) -> Unit:
        """The length of the periods of `by_time`."""
        return "hour" if len(self._hours) <= _HOURS_MAX else "day"

    def by_time(self) -> dict[str, int]:
        """Return the start of each period with dead letters, in RFC 3339, and how many there are."""
        length = PERIOD_MS[self.step] // PERIOD_MS["hour"]
        periods: Counter[int] = Counter()
        for hour, letters in self._hours.items():
            periods[hour // length] += letters
        return {rfc3339_s(each * PERIOD_MS[self.step] // 1000): periods[each] for each in sorted(periods)}

    def reasons(self) -> list[tuple[str, Span]]:
        """Return the reasons, the most frequent first."""
        return sorted(self.by_reason.items(), key=lambda each: (-each[1].letters, each[0]))

    def as_json(self, topic: str) -> dict[str, Any]:
        """Return the JSON object of `list`."""
        return {
            "topic": topic,
            **self.total.as_json(),
            "by_reason": {reason: span.as_json() for reason, span in self.reasons()},
            "by_partition": {str(number): self.by_partition[number].as_json() for number in sorted(self.by_partition)},
            "step": self.step,
            "by_time": self.by_time(),
        }
