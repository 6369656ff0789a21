"""The membership of a worker in its consumer group, and the committed offsets of its partitions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tweets.records import Partition, Record
from worker.counts import CommittedCounts, RunningCounts
from worker.windows.state import PartitionWindows


@dataclass(frozen=True)
class Membership:
    """The owned partitions, the generation of the group, and the member's id.

    The broker accepts a commit only from a member of the present generation. `generation` is negative while the worker
    is not a member. `client_metadata` is the Kafka client's own object, which a commit hands back to the client.
    """

    partitions: frozenset[Partition]
    generation: int
    member_id: str
    client_metadata: object = field(compare=False)

    @property
    def joined(self) -> bool:
        """Whether the worker is a group member; brokers accept the offsets of a non-member without a check."""
        return self.generation >= 0


@dataclass(frozen=True, slots=True)
class CommittedOffset:
    """An offset to commit, or a committed one: the next offset to read, and its metadata."""

    offset: int
    metadata: str

    @property
    def counts(self) -> RunningCounts | None:
        """The running counts in the metadata; None if no worker wrote it."""
        return RunningCounts.from_metadata(self.metadata)


@dataclass(frozen=True, slots=True)
class StoredState:
    """What Kafka holds of an owned partition when a worker restores the partition.

    `first` is the offset of the first record of the input partition; `committed` is None if the group has no committed
    offset; `topic_id` is the id of the input topic, empty if the broker gives no ids. `checkpoint` is the state on the
    checkpoint topic, `windows` are the newest windows there and `windows_commit` is their commit. `output_end` is the
    end offset of the output partition, which a stream reads only where the checkpoint or the windows are missing.
    """

    first: int
    committed: CommittedOffset | None = None
    topic_id: str = ""
    checkpoint: CommittedCounts | None = None
    output_end: int = 0
    windows: PartitionWindows | None = None
    windows_commit: CommittedCounts | None = None

    @property
    def counts(self) -> RunningCounts | None:
        """The running counts that are committed; None where the committed offset or its metadata is missing."""
        return None if self.committed is None else self.committed.counts


@dataclass(frozen=True, slots=True)
class PolledRecords:
    """The records of one poll, and the group membership right after the poll.

    `read_to` is the next offset to read of each owned partition, right after the poll. All records before it have been
    returned; transaction markers and aborted records are passed over.
    """

    records: list[Record]
    membership: Membership
    read_to: Mapping[Partition, int] = field(default_factory=dict)
