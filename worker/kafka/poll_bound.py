"""A bound on the bytes that one poll returns; kafka-python bounds the records only.

A batch of 64 MiB, expanded from a few kilobytes, may hold fifty records of 1 MB, or records with millions of headers,
each of which needs fifty times its bytes in memory. `install` replaces two methods of kafka-python 3.0.12, for every
consumer of this process.
"""

from itertools import islice
from typing import Any, Final

from kafka.consumer.fetcher import Fetcher

from tweets.records import size_bytes
from worker.batching import BATCH_MAX_BYTES

POLL_MAX_BYTES: Final = BATCH_MAX_BYTES
"""A poll ends after the record that reaches this size; the client keeps the other records as it received them."""

_append_any_bytes: Final = Fetcher._append


def install() -> None:
    """Bound every poll of this process. May be called more than once."""
    Fetcher._append = _append_within_bound
    Fetcher.PartitionRecords.take = _take_within_bound


def _append_within_bound(fetcher: Any, drained: Any, part: Any, max_records: int, update_offsets: bool) -> int:
    """Replace Fetcher._append: the same effect, and the caller takes no more records after POLL_MAX_BYTES."""
    if not drained:
        fetcher.bytes_left = POLL_MAX_BYTES
    part.bytes_left = fetcher.bytes_left
    appended = int(_append_any_bytes(fetcher, drained, part, max_records, update_offsets))
    fetcher.bytes_left = part.bytes_left
    return appended if fetcher.bytes_left > 0 else max_records


def _take_within_bound(part: Any, n: int | None = None) -> list[Any]:
    """Replace PartitionRecords.take: the same effect, up to the record that uses up `bytes_left`."""
    part._maybe_raise_next_inline_exception()
    records: list[Any] = []
    try:
        for record in islice(part.record_iterator, n):
            records.append(record)
            part.bytes_left -= size_bytes(record.key, record.value, record.headers)
            if part.bytes_left <= 0:
                break
    except Exception as error:
        if not records:
            raise
        part._next_inline_exception = error  # the next call raises the error
    return records
