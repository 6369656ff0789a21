"""The partitions of a backlog take turns.

kafka-python 3.0.12 returns all fetched records of one partition, up to 1 MB, before the records of another one. A
worker that labels slowly needs many seconds for them. After each error the worker reads from the committed offsets
again, beginning with the same partition, so that other partitions could wait without end.
"""

from typing import Any

from kafka import KafkaConsumer


class Turns:
    """Polls a consumer. A partition of which a poll has left records pauses until the others had their turn."""

    def __init__(self, consumer: KafkaConsumer) -> None:
        self._consumer = consumer

    def poll(self, timeout_ms: float, max_records: int) -> dict[Any, list[Any]]:
        """Return what `KafkaConsumer.poll` returns, and raise its errors. Only a poll without records waits."""
        polled: dict[Any, list[Any]] = {}
        if paused := self._consumer.paused():
            polled = self._poll(0, max_records)
            if not polled:  # the others have no records at present
                self._consumer.resume(*paused)
        if not polled:
            polled = self._poll(timeout_ms, max_records)
        self._end_turn()
        return polled

    def _poll(self, timeout_ms: float, max_records: int) -> dict[Any, list[Any]]:
        """Poll, and let the records of resumed partitions return.

        kafka-python puts the records of a resumed partition only into a place without content, not into that of a
        partition without records: those of the resumed partition would never be returned, and never be fetched again.
        """
        fetcher = self._consumer._fetcher
        fetcher._next_partition_records = fetcher._next_partition_records or None
        polled: dict[Any, list[Any]] = self._consumer.poll(timeout_ms=timeout_ms, max_records=max_records)
        return polled

    def _end_turn(self) -> None:
        fetcher = self._consumer._fetcher
        left = fetcher._next_partition_records
        if fetcher._next_in_line_exception_metadata is not None:
            left = None  # kafka-python forgets the error of a record of a paused partition, and then hangs there
        owned, paused = self._consumer.assignment(), self._consumer.paused()
        waiting = paused | {left.topic_partition} if left else set()
        if waiting >= owned:  # each partition had its turn: the next round begins with another one than this ended with
            waiting = {left.topic_partition} if left and len(owned) > 1 else set()
        if resumed := paused - waiting:
            self._consumer.resume(*resumed)
        if begun := (waiting - paused) & owned:
            self._consumer.pause(*begun)
