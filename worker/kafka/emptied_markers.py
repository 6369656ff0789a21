"""Transaction markers whose content compaction has removed.

The log cleaner of Kafka keeps the last batch of a producer, without its records. kafka-python 3.0.12 reads the record
of each marker; without one, every poll of a compacted topic would fail at this batch. `install` replaces the method for
every consumer of this process.
"""

from typing import Any, Final

from kafka.consumer.fetcher import Fetcher

_contains_abort_marker: Final = Fetcher.PartitionRecords._contains_abort_marker


def install() -> None:
    """Read emptied markers as markers of a commit, as Kafka's Java client does. May be called more than once."""
    Fetcher.PartitionRecords._contains_abort_marker = _with_content


def _with_content(part: Any, batch: Any) -> bool:
    return bool(batch.records_count) and bool(_contains_abort_marker(part, batch))
