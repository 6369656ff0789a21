"""The membership of a worker in its consumer group, and the committed offsets of its partitions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tweets.records import Partition, Record


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
    """The next offset to read, and the metadata committed with it; None if the group never committed an offset.

    `skipped` is how many offsets lie between the offset that the group committed and `offset`, because Kafka deleted
    the records in between before a worker read them.
    """

    offset: int
    metadata: str | None
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class PolledRecords:
    """The records of one poll, and the group membership right after the poll.

    `read_to` is the next offset to read of each owned partition, right after the poll. All records before it have been
    returned; transaction markers and aborted records are passed over.
    """

    records: list[Record]
    membership: Membership
    read_to: Mapping[Partition, int] = field(default_factory=dict)
