"""Two sizes of batch: what closes a batch (one transaction), and how it is cut into passes (one model call each)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tweets.records import Record

BATCH_MAX_BYTES = 16 * 1024 * 1024
"""A batch also closes at so many bytes of keys and values, so that a flood of huge records cannot fill the memory."""


@dataclass(slots=True)
class Batch:
    """Records that will be committed in one transaction.

    It is closed at `max_tweets`, at BATCH_MAX_BYTES, or `max_wait_s` after its first record was added.
    `clock` returns seconds and never goes back.
    """

    max_tweets: int
    max_wait_s: float
    clock: Callable[[], float]
    records: list[Record] = field(default_factory=list)
    _bytes: int = 0
    _closes_at_s: float | None = None

    def add(self, records: Sequence[Record]) -> None:
        """Adds records in the order in which they were fetched."""
        if records and self._closes_at_s is None:
            self._closes_at_s = self.clock() + self.max_wait_s
        self.records.extend(records)
        self._bytes += sum(record.size_bytes for record in records)

    @property
    def room(self) -> int:
        """How many records may still be added; at least one while the batch is open."""
        return self.max_tweets - len(self.records)

    @property
    def closed(self) -> bool:
        """Whether the batch must be processed now."""
        return self.room <= 0 or self._bytes >= BATCH_MAX_BYTES or self.remaining_s == 0

    @property
    def remaining_s(self) -> float | None:
        """Seconds until the oldest record has waited long enough; None while the batch is empty."""
        return None if self._closes_at_s is None else max(0.0, self._closes_at_s - self.clock())
