"""Reads the closed periods of partitions from Kafka, and pushes them to Redis in small steps."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final

from tweets.periods import Cells, Period
from tweets.records import Partition
from worker.cells_json import pack, unpacked_text

ReadClosed = Callable[[Collection[Partition]], Iterable[tuple[Partition, Period, Cells]]]
"""Returns the closed periods that are kept of these partitions. May raise TransientError or FatalError."""

Push = Callable[[Period, Mapping[Partition, str]], None]
"""Pushes the counts of a period, as JSON. May raise TransientError."""

HELD_BYTES: Final = 32_000_000
"""Most bytes that are held before they are pushed. What one period has of all partitions is pushed in one call."""


class ClosedPush:
    """The closed periods of some partitions on their way to Redis."""

    def __init__(self, read_closed: ReadClosed, partitions: Collection[Partition]) -> None:
        self.partitions = frozenset(partitions)
        self._read: Iterator[tuple[Partition, Period, Cells]] = iter(read_closed(self.partitions))
        self._held: dict[Period, dict[Partition, bytes]] = {}
        self._held_bytes = 0
        self._all_read = self._flushing = False

    def step(self, push: Push, *, until_s: float, clock: Callable[[], float]) -> bool:
        """Read and push until this time; return whether everything is pushed."""
        while clock() < until_s:
            self._flushing = bool(self._held) and (self._flushing or self._all_read or self._held_bytes >= HELD_BYTES)
            if self._flushing:
                self._push_one(push)
            elif self._all_read:
                return True
            else:
                self._read_one()
        return False

    def _push_one(self, push: Push) -> None:
        period = next(iter(self._held))
        push(period, {partition: unpacked_text(text) for partition, text in self._held[period].items()})
        self._held_bytes -= sum(map(len, self._held.pop(period).values()))

    def _read_one(self) -> None:
        found = next(self._read, None)
        if found is None:
            self._all_read = True
            return
        partition, period, cells = found
        packed = pack(cells)
        self._held.setdefault(period, {})[partition] = packed
        self._held_bytes += len(packed)
