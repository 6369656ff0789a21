"""Reads the closed periods of partitions from Kafka, and pushes them to Redis in small steps."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final

from tweets.periods import Cells, Period
from tweets.records import Partition
from worker.redis.counted_subjects import FirstPeriods
from worker.redis.errors import WrongKeyError
from worker.windows.cells_json import pack, unpacked_text

ReadClosed = Callable[[Collection[Partition]], Iterable[tuple[Partition, Period, Cells]]]
"""Returns the closed periods that are kept of these partitions. May raise TransientError or FatalError."""

Push = Callable[[Period, Mapping[Partition, str]], None]
"""Pushes the counts of a period, as JSON. May raise TransientError, and WrongKeyError about this period alone."""

HELD_BYTES: Final = 32_000_000
"""Most bytes that are held before they are pushed. What one period has of all partitions is pushed in one call."""


class ClosedPush:
    """The closed periods of some partitions on their way to Redis."""

    def __init__(self, read_closed: ReadClosed, partitions: Collection[Partition]) -> None:
        self.partitions = frozenset(partitions)
        self._read: Iterator[tuple[Partition, Period, Cells]] = iter(read_closed(self.partitions))
        self._held: dict[Period, dict[Partition, bytes]] = {}
        self._held_bytes = 0
        self._refused: dict[Period, dict[Partition, bytes]] = {}
        self._refusal: WrongKeyError | None = None
        self.first_periods = FirstPeriods()
        self._all_read = self._flushing = False

    def step(self, push: Push, *, until_s: float, clock: Callable[[], float]) -> bool:
        """Read and push until this time; return whether everything is pushed.

        Raises WrongKeyError if periods remain that Redis refuses; the next step pushes these again.
        """
        if self._all_read and not self._held:
            self._held, self._refused, self._refusal = self._refused, {}, None
        while clock() < until_s:
            self._flushing = bool(self._held) and (self._flushing or self._all_read or self._held_bytes >= HELD_BYTES)
            if self._flushing:
                self._push_one(push)
            elif self._refusal is not None and self._all_read:
                raise self._refusal
            elif self._all_read:
                return True
            else:
                self._read_one()
        return False

    def _push_one(self, push: Push) -> None:
        period = next(iter(self._held))
        try:
            push(period, {partition: unpacked_text(text) for partition, text in self._held[period].items()})
        except WrongKeyError as error:
            self._refused.setdefault(period, {}).update(self._held[period])
            self._refusal = error
        self._held_bytes = max(0, self._held_bytes - sum(map(len, self._held.pop(period).values())))

    def _read_one(self) -> None:
        found = next(self._read, None)
        if found is None:
            self._all_read = True
            return
        partition, period, cells = found
        self.first_periods.add(period, {subject for subject, _ in cells})
        packed = pack(cells)
        self._held.setdefault(period, {})[partition] = packed
        self._held_bytes += len(packed)
