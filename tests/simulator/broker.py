"""A Kafka broker in memory: partitions, transactions, committed offsets with metadata, and one consumer group.

The broker has no faults of its own; `stream.py` and `world.py` inject them.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from tweets.records import OutputRecord, Partition, Record
from worker.counts import CommittedCounts, RunningCounts
from worker.errors import ExitCode, FatalError, TransientError
from worker.membership import CommittedOffset, StoredState

INPUT = "tweets"
OUTPUT = "tweets.emotions"
DEAD_LETTERS = "tweets.dead-letter"


@dataclass
class Transaction:
    """What a producer has sent since it began: visible to readers only once it is committed."""

    state: str = "open"
    offsets: dict[Partition, CommittedOffset] = field(default_factory=dict)
    checkpoints: dict[Partition, CommittedCounts] = field(default_factory=dict)


class ClientMetadata(NamedTuple):
    """The member and the generation that offsets are committed for."""

    member_id: str
    instance: str | None
    generation: int


@dataclass
class Member:
    """A member of the group as the broker sees it; `instance` is a static member's instance id."""

    id: str
    instance: str | None
    partitions: frozenset[Partition] = frozenset()


class Broker:
    """All state that outlives a worker."""

    def __init__(self, inputs: Mapping[Partition, Sequence[Record]], rng: random.Random) -> None:
        self.inputs = inputs
        self.log: list[tuple[OutputRecord, Transaction]] = []
        self.committed: dict[Partition, CommittedOffset] = {}
        self.checkpoints: dict[Partition, CommittedCounts] = {}
        self.history: set[tuple[Partition, int, str]] = set()
        self.generation = 0
        self.losses = 0
        self.members: dict[str, Member] = {}
        self._instances: dict[str, str] = {}
        self._epochs: dict[str, int] = {}
        self._open: dict[str, Transaction] = {}
        self._rng = rng
        self._names = 0

    # The group

    def join(self, instance: str | None) -> Member:
        """Add a member; a known instance takes the place of the former member without a rebalance."""
        self._names += 1
        member = Member(f"member-{self._names}", instance)
        replaced = self._instances.get(instance) if instance else None
        if instance:
            self._instances[instance] = member.id
        if replaced in self.members:
            member.partitions = self.members.pop(replaced).partitions
            self.members[member.id] = member
        else:
            self.members[member.id] = member
            self.rebalance()
        return member

    def leave(self, member_id: str) -> None:
        """Remove a member that leaves, or whose session has timed out."""
        if self.members.pop(member_id, None) is not None:
            self.rebalance()

    def rebalance(self) -> None:
        """Start a new generation; half of the partitions stay with their owners."""
        self.generation += 1
        members = list(self.members.values())
        owned: dict[str, set[Partition]] = {member.id: set() for member in members}
        for partition in self.inputs if members else ():
            stays = [member for member in members if partition in member.partitions]
            owner = stays[0] if stays and self._rng.random() < 0.5 else self._rng.choice(members)
            owned[owner.id].add(partition)
        for member in members:
            member.partitions = frozenset(owned[member.id])

    def check_not_replaced(self, member_id: str, instance: str | None) -> None:
        """Raise FatalError if a newer process has the same instance id."""
        if instance and self._instances.get(instance) != member_id:
            raise FatalError("another worker took over the instance", ExitCode.FENCED)

    # Transactions

    def init_producer(self, transactional_id: str) -> int:
        """Fence every older producer of this id and abort its open transaction; return the new epoch."""
        self.abort(transactional_id)
        self._epochs[transactional_id] = self._epochs.get(transactional_id, 0) + 1
        return self._epochs[transactional_id]

    def begin(self, transactional_id: str, epoch: int) -> None:
        self._check_epoch(transactional_id, epoch)
        if transactional_id in self._open:
            raise TransientError("a transaction is already open")
        self._open[transactional_id] = Transaction()

    def append(self, transactional_id: str, epoch: int, outgoing: OutputRecord) -> None:
        self.log.append((outgoing, self._transaction(transactional_id, epoch)))

    def add_offsets(
        self,
        transactional_id: str,
        epoch: int,
        positions: Mapping[Partition, CommittedOffset],
        client_metadata: ClientMetadata,
    ) -> None:
        """Add offsets to the transaction. As in a real broker, a client without a generation is not checked."""
        transaction = self._transaction(transactional_id, epoch)
        if client_metadata.generation >= 0:
            self.check_not_replaced(client_metadata.member_id, client_metadata.instance)
            if client_metadata.member_id not in self.members or client_metadata.generation != self.generation:
                raise TransientError("illegal generation")
        transaction.offsets |= positions

    def add_checkpoints(self, transactional_id: str, epoch: int, states: Mapping[Partition, CommittedCounts]) -> None:
        self._transaction(transactional_id, epoch).checkpoints |= states

    def commit(self, transactional_id: str, epoch: int) -> None:
        transaction = self._transaction(transactional_id, epoch)
        transaction.state = "committed"
        self.committed |= transaction.offsets
        self.checkpoints |= transaction.checkpoints
        self.history |= {(p, at.offset, at.metadata or "") for p, at in transaction.offsets.items()}
        del self._open[transactional_id]

    def abort(self, transactional_id: str) -> None:
        """Abort the open transaction, if there is one."""
        transaction = self._open.pop(transactional_id, None)
        if transaction is not None:
            transaction.state = "aborted"

    def time_out(self, transactional_id: str) -> None:
        """Abort a transaction that stayed open too long, and fence its producer."""
        if transactional_id in self._open:
            self.init_producer(transactional_id)

    def open_transactions(self) -> list[str]:
        return list(self._open)

    def stored(self, partition: Partition) -> StoredState:
        """Return what is committed. Raises TransientError while an open transaction would change it."""
        if any(partition in transaction.offsets for transaction in self._open.values()):
            raise TransientError("offsets of an open transaction are pending")
        first, committed = self.inputs[partition][0].offset, self.committed.get(partition)
        if committed is not None and RunningCounts.from_metadata(committed.metadata) is not None:
            return StoredState(first, committed)
        output_end = sum(output.topic == OUTPUT and output.partition == partition.number for output in self.visible())
        return StoredState(first, committed, "", self.checkpoints.get(partition), output_end)

    def lose_offsets(self) -> None:
        """Forget the group's committed offsets; a group without members is forgotten with its generation."""
        self.losses += 1
        self.committed.clear()
        if not self.members:
            self.generation = 0

    def lose_metadata(self, partition: Partition) -> None:
        """Set the committed offset again, as an operator's tool does: without metadata."""
        self.losses += 1
        if partition in self.committed:
            self.committed[partition] = replace(self.committed[partition], metadata="")

    def visible(self) -> list[OutputRecord]:
        """Return the records that read_committed readers see, in the order of the log."""
        return [outgoing for outgoing, transaction in self.log if transaction.state == "committed"]

    def drained(self) -> bool:
        """Whether every input record lies before its partition's committed offset."""
        return all(
            partition in self.committed and self.committed[partition].offset > records[-1].offset
            for partition, records in self.inputs.items()
        )

    def _check_epoch(self, transactional_id: str, epoch: int) -> None:
        if self._epochs.get(transactional_id) != epoch:
            raise TransientError("the producer is fenced")

    def _transaction(self, transactional_id: str, epoch: int) -> Transaction:
        self._check_epoch(transactional_id, epoch)
        if transactional_id not in self._open:
            raise TransientError("no transaction is open")
        return self._open[transactional_id]
