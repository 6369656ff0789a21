"""A batch: the records of one transaction, and the conditions that close it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from tweets.records import Record

BATCH_MAX_BYTES: Final = 4 * 1024 * 1024
"""A batch also closes at this size of keys, values and headers: 4,096 records of 1 kB, three times ordinary records.

The worker holds each byte about eight times: as record, as text (4 bytes a character, if one is an emoji), as output
record, and in the producer's batches and requests.
"""


@dataclass(slots=True)
class Batch:
    """Records that are committed in one transaction.

    A batch closes at `max_tweets`, at BATCH_MAX_BYTES, or `max_wait_s` after its first record was added.
    `clock` returns seconds and never decreases.
    """

    max_tweets: int
    max_wait_s: float
    clock: Callable[[], float]
    records: list[Record] = field(default_factory=list)
    _bytes: int = 0
    _closes_at_s: float | None = None

    def add(self, records: Sequence[Record]) -> None:
        """Add records in the order of the poll."""
        if records and self._closes_at_s is None:
            self._closes_at_s = self.clock() + self.max_wait_s
        self.records.extend(records)
        self._bytes += sum(record.size_bytes for record in records)

    @property
    def room(self) -> int:
        """How many records may still be added; at least one while the batch is open, and none at BATCH_MAX_BYTES."""
        return 0 if self._bytes >= BATCH_MAX_BYTES else self.max_tweets - len(self.records)

    @property
    def closed(self) -> bool:
        """Whether the batch must be processed now."""
        return self.room <= 0 or self.remaining_s == 0

    @property
    def remaining_s(self) -> float | None:
        """Seconds until the oldest record has waited long enough; None while the batch is empty."""
        return None if self._closes_at_s is None else max(0.0, self._closes_at_s - self.clock())
