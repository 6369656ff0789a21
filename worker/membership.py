"""Where a worker stands in its group: what it owns, by what right, and up to where each partition is committed."""

from dataclasses import dataclass, field

from tweets.records import Partition, Record


@dataclass(frozen=True)
class Membership:
    """Which partitions are ours and by what right: a commit is valid for this member in this generation only."""

    partitions: frozenset[Partition]
    generation: int  # negative while we are not in the group
    member_id: str
    client_metadata: object = field(compare=False)  # the client's own form of all this, handed back to it at the commit

    @property
    def joined(self) -> bool:
        """Whether we are in the group; brokers accept offsets of one who is not, unchecked."""
        return self.generation >= 0


@dataclass(frozen=True, slots=True)
class CommittedOffset:
    """The next offset to commit from, and the note that was committed with it; None if nothing was ever committed."""

    offset: int
    metadata: str | None


@dataclass(frozen=True, slots=True)
class PolledRecords:
    """What one poll brought, and the ownership that held right after it."""

    records: list[Record]
    membership: Membership
