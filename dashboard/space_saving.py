"""Counts the most frequent names of a stream in bounded memory: the Space-Saving summary.

A. Metwally, D. Agrawal, A. El Abbadi: Efficient Computation of Frequent and Top-k Elements in Data Streams, 2005.
"""

import heapq
from collections.abc import Iterator


class SpaceSaving:
    """At most `counters` names with their counts. Pure, and not thread-safe.

    With N names added in all: no count is too low, none is too high by more than N / `counters`, and each name that was
    added more often than N / `counters` has a count (Theorems 1 and 2).
    """

    __slots__ = ("_counters", "_counts", "_heap", "total")

    def __init__(self, counters: int) -> None:
        self._counters = counters
        self._counts: dict[str, tuple[int, int]] = {}
        """Name → count, and by how much the count may be too high."""
        self._heap: list[tuple[int, str]] = []
        """One entry for each name, with a count that the name had: never higher than the present one."""
        self.total = 0
        """Names added in all."""

    def __len__(self) -> int:
        """Return how many names have a count."""
        return len(self._counts)

    def add(self, name: str) -> None:
        """Count a name; where every counter is taken, the name takes the counter with the lowest count over."""
        self.total += 1
        known = self._counts.get(name)
        if known is not None:
            self._counts[name] = (known[0] + 1, known[1])
        elif len(self._counts) < self._counters:
            self._counts[name] = (1, 0)
            heapq.heappush(self._heap, (1, name))
        else:
            least = self._find_least()
            del self._counts[self._heap[0][1]]
            self._counts[name] = (least + 1, least)
            heapq.heapreplace(self._heap, (least + 1, name))

    @property
    def error_max(self) -> int:
        """The most that a count is too high, and the most that a name without a count was added."""
        return self._find_least() if len(self._counts) == self._counters else 0

    def items(self) -> Iterator[tuple[str, int, int]]:
        """Yield each name with a count, the count, and by how much the count may be too high."""
        for name, (count, error) in self._counts.items():
            yield name, count, error

    def at_most(self, name: str) -> int:
        """Return the most that the name was added."""
        known = self._counts.get(name)
        return self.error_max if known is None else known[0]

    def _find_least(self) -> int:
        """Return the lowest count; its name is first in the heap then."""
        while True:
            seen, name = self._heap[0]
            count = self._counts[name][0]
            if seen == count:
                return count
            heapq.heapreplace(self._heap, (count, name))
