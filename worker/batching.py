"""A batch: the records of one transaction, and the conditions that close it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from tweets.records import Record
from worker import time_limits

BATCH_MAX_BYTES: Final = 4 * 1024 * 1024
"""A batch also closes at this size of keys, values and headers: 4,096 records of 1 kB, three times ordinary records.

The worker holds each byte about eight times: as record, as text (4 bytes a character, if one is an emoji), as output
record, and in the producer's batches and requests.
"""


@dataclass(slots=True)
class Batch:
    """Records that are committed in one transaction.

    A batch closes at `max_tweets`, at BATCH_MAX_BYTES, or when its first records have waited for `max_wait_s`. Records
    that the first fetch of the batch returns may have waited since the last poll before the batch: a worker that labels
    the previous batch does not poll. All other records have waited since they were added.
    `clock` returns seconds and never decreases.
    """

    max_tweets: int
    max_wait_s: float
    clock: Callable[[], float]
    polled_at_s: float | None = None
    """End of the last poll before the batch; None if there was no time between that poll and the batch."""
    records: list[Record] = field(default_factory=list)
    _bytes: int = 0
    _began_at_s: float = field(init=False)
    _closes_at_s: float | None = None

    def __post_init__(self) -> None:
        self._began_at_s = self.clock()

    def add(self, records: Sequence[Record]) -> None:
        """Add records in the order of the poll."""
        if records and self._closes_at_s is None:
            self._closes_at_s = self._closing_time_s(self.clock())
        self.records.extend(records)
        self._bytes += sum(record.size_bytes for record in records)

    def _closing_time_s(self, now_s: float) -> float:
        """Return when a batch closes whose first records are added now.

        A fetch that was sent right after the last poll returned these records. The answer to the next fetch has what
        came since then, so the batch stays open for FETCH_ANSWER, however long the first records have waited.
        """
        waited_since_s = now_s
        if self.polled_at_s is not None and now_s - self._began_at_s < time_limits.EMPTY_FETCH.seconds:
            waited_since_s = self.polled_at_s
        return max(waited_since_s + self.max_wait_s, now_s + min(self.max_wait_s, time_limits.FETCH_ANSWER.seconds))

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
        """Seconds until the batch closes because of its wait; None while the batch is empty."""
        return None if self._closes_at_s is None else max(0.0, self._closes_at_s - self.clock())
