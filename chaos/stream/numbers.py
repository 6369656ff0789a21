"""Which numbers of a partition have been seen: each must come once, and in rising order within each source. Pure."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, Literal

Wrong = Literal["doubled", "out_of_order"]


class SeenNumbers:
    """The numbers of one input partition that were seen on the output topics.

    `next` is above every number seen, and `missing` are the numbers below it that were not seen: as many as one output
    topic is ahead of another, plus those that are lost.
    """

    def __init__(self) -> None:
        self.next = 0
        self.missing: set[int] = set()
        self._last: dict[str, int] = {}

    @property
    def count(self) -> int:
        """How many different numbers were seen."""
        return self.next - len(self.missing)

    def add(self, source: str, number: int) -> Wrong | None:
        """Take the next number that a source, which is a partition of an output topic, shows; return what is wrong."""
        last = self._last.get(source, -1)
        if number < self.next and number not in self.missing:
            return "doubled"
        self.missing.discard(number)
        if number >= self.next:
            self.missing.update(range(self.next, number))
            self.next = number + 1
        if number < last:
            return "out_of_order"
        self._last[source] = number
        return None

    def lost(self, fed: int) -> Iterator[int]:
        """Yield the numbers below `fed` that were not seen."""
        yield from (number for number in sorted(self.missing) if number < fed)
        yield from range(self.next, fed)

    def beyond(self, fed: int) -> Iterator[int]:
        """Yield the numbers from `fed` on that were seen."""
        yield from (number for number in range(fed, self.next) if number not in self.missing)

    def state(self) -> dict[str, Any]:
        """Return the JSON object that `restored` reads."""
        return {"next": self.next, "missing": ranges(self.missing), "last": dict(self._last)}

    @classmethod
    def restored(cls, state: dict[str, Any]) -> "SeenNumbers":
        """Return the numbers of an earlier `state`."""
        found = cls()
        found.next, found._last = state["next"], dict(state["last"])
        found.missing = {number for first, end in state["missing"] for number in range(first, end)}
        return found


def ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return the numbers as ranges: first number, number after the last."""
    ordered = sorted(numbers)
    if not ordered:
        return []
    breaks = [(before + 1, after) for before, after in pairwise(ordered) if after > before + 1]
    firsts, ends = [ordered[0], *(after for _, after in breaks)], [*(before for before, _ in breaks), ordered[-1] + 1]
    return list(zip(firsts, ends, strict=True))
