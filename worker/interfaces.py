"""What the loop uses of Kafka, Redis and the watchdog. The loop knows these protocols and no client."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from tweets.records import OutputRecord, Partition
from worker.counts import CommittedCounts
from worker.membership import CommittedOffset, Membership, PolledRecords, StoredState
from worker.partition_state import PartitionState
from worker.windows.state import WindowUpdate


class Stream(Protocol):
    """The part of Kafka that the loop uses. Every method raises TransientError or FatalError and nothing else."""

    def poll(self, *, timeout_s: float, max_records: int) -> PolledRecords: ...
    def restore(self, membership: Membership) -> Mapping[Partition, StoredState]: ...
    def seek(self, offsets: Mapping[Partition, int]) -> None: ...
    def publish(self, records: Sequence[OutputRecord], states: Mapping[Partition, PartitionState]) -> None: ...
    def commit(self, offsets: Mapping[Partition, CommittedOffset], membership: Membership) -> None: ...
    def rollback(self) -> None: ...
    def lag(self, partition: Partition, offset: int) -> int | None: ...


class CountsSink(Protocol):
    """The publisher of the committed counts to Redis. Its methods return at once and raise nothing."""

    def assign(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None: ...
    def publish(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None: ...


class WindowsSink(Protocol):
    """The publisher of the minutes, hours and days to Redis. Its methods return at once and raise nothing.

    `assign` is given every owned partition, with all its open periods and those that closed lately. `publish` is given
    the partitions of a commit, with the periods that changed, which may be none.
    """

    def assign(self, states: Mapping[Partition, WindowUpdate]) -> None: ...
    def publish(self, updates: Mapping[Partition, WindowUpdate]) -> None: ...


class NoWindows:
    """A sink for a loop without a publisher of periods."""

    def assign(self, states: Mapping[Partition, WindowUpdate]) -> None: ...
    def publish(self, updates: Mapping[Partition, WindowUpdate]) -> None: ...


class StepLimits(Protocol):
    """The watchdog: `step` ends the process if the block inside takes longer than `limit_s` seconds."""

    def step(self, name: str, limit_s: float) -> AbstractContextManager[None]: ...
