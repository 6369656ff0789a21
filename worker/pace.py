"""How many records to fetch and to label at once: by the measured speed. Pure; no clock of its own."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from tweets.records import Record
from worker import time_limits

FIRST_SLICE_RECORDS: Final = 32
"""Records of the first slice, before any speed is measured: few enough for a model of ten records a second."""

FIRST_BATCH_RECORDS: Final = 512
"""Records of a batch before any speed is measured: a second for a model of 500 records a second."""

RECORD_COST_BYTES: Final = 64
"""Cost of a record beside its value, in bytes of value: the model's work grows with the text, yet never from zero."""

READ_BYTES: Final = 768
"""Bytes of a record up to which the model's work grows with the text: 128 tokens of English and the other fields."""

UNREAD_SHARE: Final = 1 / 1024
"""Cost of each further byte, which is only decoded: a record of 1 MB takes as long as a text that the model reads."""

NEWEST_SHARE: Final = 0.5
"""Weight of the newest measurement in the running mean: a change of speed counts within two or three slices."""


class LabellingPace:
    """Cuts a batch into slices of about LABEL_SLICE seconds each, and bounds a batch to about LABEL_BATCH seconds."""

    def __init__(self) -> None:
        self._bytes_per_s: float | None = None
        self._record_bytes = 0.0
        """Mean cost of a record in the last slice."""

    @property
    def batch_records(self) -> int:
        """The most records of a batch; at least one."""
        if self._bytes_per_s is None:
            return FIRST_BATCH_RECORDS
        return max(1, int(self._bytes_per_s * time_limits.LABEL_BATCH.seconds / self._record_bytes))

    def next_slice(self, costs: Sequence[float]) -> int:
        """Return how many records of these costs to label next, in order; at least one."""
        if self._bytes_per_s is None:
            return min(len(costs), FIRST_SLICE_RECORDS)
        most = self._bytes_per_s * time_limits.LABEL_SLICE.seconds
        return max(1, bisect_right(list(accumulate(costs)), most))

    def measured(self, costs: Sequence[float], seconds: float, *, computed: int | None = None) -> None:
        """Take into account that records of these costs were labelled in so many seconds.

        `computed` is how many of their texts the model has computed, None for all. Dead letters and repeated texts cost
        next to nothing: many of them would make a slow model look fast, and the next slice would take minutes.
        """
        computed = len(costs) if computed is None else min(computed, len(costs))
        if not computed:
            return
        self._record_bytes = sum(costs) / len(costs)
        bytes_per_s = self._record_bytes * computed / max(seconds, 1e-6)
        before = self._bytes_per_s
        self._bytes_per_s = bytes_per_s if before is None else NEWEST_SHARE * bytes_per_s + (1 - NEWEST_SHARE) * before


class BatchLimit:
    """The largest number of records of a batch: halved by an error, and then grown back slowly."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.records = most
        self._begun = most
        """Records of the batch that was begun last and is not committed."""

    def begun(self, records: int) -> None:
        """Note the size of the batch that is labelled now."""
        self._begun = records

    def failed(self) -> None:
        """Halve the limit, or the batch that was begun and not committed if it is smaller."""
        self.records = max(1, min(self.records, self._begun) // 2)

    def succeeded(self) -> None:
        """Grow the limit by an eighth after a commit."""
        self._begun = self._most
        self.records = min(self._most, self.records + max(1, self.records // 8))


def cost_bytes(record: Record) -> float:
    """Return what labelling the record costs, in bytes of a short text."""
    size = record.size_bytes
    return RECORD_COST_BYTES + min(size, READ_BYTES) + UNREAD_SHARE * max(0, size - READ_BYTES)
