"""Workers with one rule of the loop switched off: a run must find what such a worker breaks."""

import functools
from collections.abc import Callable
from typing import Any, Final

from chaos.kill_points import worker_module


def continue_from_memory() -> None:
    """Step 1: after an error or a rebalance, continue at the positions and counts in memory, not at those of Kafka."""
    loop = worker_module("worker.loop").Loop
    restore, adopt = loop._restore, loop._adopt

    @functools.wraps(restore)
    def restore_from_memory(self: Any, membership: Any) -> None:
        restore(self, membership)
        known = _memory(self)
        for partition in membership.partitions if self._membership is not None else ():
            if partition in known:
                self._committed_counts[partition], self._committed_windows[partition] = known[partition]
                self._stream.seek({partition: self._committed_counts[partition].offset})

    @functools.wraps(adopt)
    def adopt_and_remember(self: Any, states: Any) -> None:
        adopt(self, states)
        _memory(self).update({p: (self._committed_counts[p], self._committed_windows[p]) for p in states})

    loop._restore, loop._adopt = restore_from_memory, adopt_and_remember


def _memory(loop: Any) -> dict[Any, tuple[Any, Any]]:
    found: dict[Any, tuple[Any, Any]] = loop.__dict__.setdefault("remembered", {})
    return found


def send_without_waiting() -> None:
    """Step 6: commit without waiting until every record is acknowledged."""
    producer = worker_module("worker.kafka.producer").ResultProducer

    def send(self: Any, records: Any) -> None:
        self._send_until_error(records)

    producer.send = send


def publish_counts_first() -> None:
    """Step 8: publish the counts to Redis before the commit."""
    loop, counts_of = worker_module("worker.loop").Loop, worker_module("worker.partition_state").counts_of
    commit = loop._commit

    @functools.wraps(commit)
    def publish_and_commit(self: Any, states: Any, membership: Any) -> None:
        self._publisher.publish(counts_of(states))
        commit(self, states, membership)

    loop._commit = publish_and_commit


def commit_offsets_afterwards() -> None:
    """Step 7: commit the records first, and the offsets in a transaction of their own."""
    producer = worker_module("worker.kafka.producer").ResultProducer
    commit = producer.commit

    @functools.wraps(commit)
    def commit_twice(self: Any, offsets: Any, membership: Any) -> None:
        self.commit_records()
        self.begin()
        commit(self, offsets, membership)

    producer.commit = commit_twice


RULES: Final[dict[str, Callable[[], None]]] = {
    "restore": continue_from_memory,
    "await_records": send_without_waiting,
    "counts_before_commit": publish_counts_first,
    "one_transaction": commit_offsets_afterwards,
}
