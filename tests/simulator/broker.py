"""A Kafka broker in memory: partitions, transactions, committed offsets with metadata, and one consumer group.

The broker has no faults of its own; `stream.py`, `world.py` and `operators.py` inject them.
"""

import random
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from tests.window_topic import WindowTopic
from tweets.event_time import labelled_event_time_ms
from tweets.labelled_tweet import decode
from tweets.periods import CountedTweet
from tweets.records import OutputRecord, Partition, Record, max_wire_bytes
from worker.counts import OFFSET_METADATA_MAX_BYTES, CommittedCounts, RunningCounts
from worker.errors import ExitCode, FatalError, TransientError
from worker.membership import CommittedOffset, StoredState
from worker.partition_state import PartitionState

INPUT = "tweets"
OUTPUT = "tweets.emotions"
DEAD_LETTERS = "tweets.dead-letter"

MAX_RECORD_BYTES: Final = 2_000
"""The size limit of both output topics; `operators.py` lowers it."""


class InputLog:
    """An input partition. Offsets without a record, also at the end, are transaction markers or were compacted."""

    def __init__(self, records: list[Record], *, beginning: int, end: int) -> None:
        self.records = records
        self.beginning = beginning
        self.first = beginning
        self.end = end

    def next_record(self, offset: int) -> int:
        """Return the offset of the first record from `offset` on; the end without one."""
        return next((record.offset for record in self.records if record.offset >= offset), self.end)


@dataclass
class Transaction:
    """What a producer has sent since it began: visible to readers only once it is committed."""

    era: int
    state: str = "open"
    offsets: dict[Partition, CommittedOffset] = field(default_factory=dict)
    states: dict[Partition, PartitionState] = field(default_factory=dict)
    labelled: list[OutputRecord] = field(default_factory=list)


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
    """All state that outlives a worker.

    An era begins when an operator moves offsets, which Kafka allows only while the group is empty. `starts` and
    `commits` are where each era began in each partition, and what was committed in the era since, for the verifier.
    """

    def __init__(self, inputs: Mapping[Partition, InputLog], rng: random.Random) -> None:
        self.inputs = inputs
        self.max_record_bytes = MAX_RECORD_BYTES
        self.offset_metadata_max_bytes = OFFSET_METADATA_MAX_BYTES
        self.log: list[tuple[OutputRecord, Transaction]] = []
        self.committed: dict[Partition, CommittedOffset] = {}
        self.starts: list[dict[Partition, CommittedOffset]] = []
        self.commits: list[dict[Partition, list[CommittedOffset]]] = []
        self.counted_before: dict[Partition, RunningCounts] = {}
        """Counts of an earlier model, to which those of the output are added."""
        self.checkpoints: dict[Partition, CommittedCounts] = {}
        self.windows: dict[Partition, WindowTopic] = {}
        self.windows_commits: dict[Partition, CommittedCounts] = {}
        self.labelled: dict[Partition, list[CountedTweet]] = {p: [] for p in inputs}
        self.changed: set[tuple[Partition, int, str]] = set()
        """What each commit has changed in the windows of a partition, by its offset; empty if it wrote none."""
        self.history: set[tuple[Partition, int, str]] = set()
        self.generation = 0
        self.losses = 0
        self.members: dict[str, Member] = {}
        self._instances: dict[str, str] = {}
        self._epochs: dict[str, int] = {}
        self._open: dict[str, Transaction] = {}
        self._rng = rng
        self._names = 0
        self._reached = {p: CommittedOffset(log.beginning, "") for p, log in inputs.items()}
        self._begin_era()

    # What operators do

    def move(self, partition: Partition, offset: int) -> None:
        """Commit an offset as kafka-consumer-groups --reset-offsets does: without metadata."""
        self.losses += 1
        self.committed[partition] = CommittedOffset(offset, "")
        self._reached[partition] = replace(self._reached[partition], offset=offset)
        self._begin_era()

    def lose_offsets(self, partitions: Collection[Partition]) -> None:
        """Forget the committed offsets of these partitions; without any, the group begins with a new generation.

        A partition whose offset was moved, and not committed since, falls back to its last commit.
        """
        self.losses += 1
        for partition in partitions:
            if not self.committed.pop(partition).metadata:
                self._reached[partition] = replace(self._reached[partition], offset=self.checkpoints[partition].offset)
        self._begin_era()
        if not self.committed:
            self.generation = 0

    def leave_counts(self, counts: RunningCounts) -> None:
        """Commit counts of an earlier model at the beginning of each partition, in both copies."""
        for partition, log in self.inputs.items():
            self.committed[partition] = CommittedOffset(log.beginning, counts.to_metadata())
            self.checkpoints[partition] = CommittedCounts(0, log.beginning, counts)
            self.counted_before[partition] = counts
            self.history.add((partition, log.beginning, counts.to_metadata()))

    def _begin_era(self) -> None:
        self.starts.append(dict(self._reached))
        self.commits.append(defaultdict(list))

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
        self._open[transactional_id] = Transaction(len(self.starts) - 1)

    def append(self, transactional_id: str, epoch: int, outgoing: OutputRecord) -> None:
        transaction = self._transaction(transactional_id, epoch)
        self.log.append((outgoing, transaction))
        if outgoing.topic == OUTPUT:
            transaction.labelled.append(outgoing)

    def add_offsets(
        self,
        transactional_id: str,
        epoch: int,
        positions: Mapping[Partition, CommittedOffset],
        client_metadata: ClientMetadata,
    ) -> None:
        """Add offsets to the transaction. As in a real broker, a client without a generation is not checked.

        Raises FatalError if the metadata is too large, as the worker's own client does.
        """
        transaction = self._transaction(transactional_id, epoch)
        if client_metadata.generation >= 0:
            self.check_not_replaced(client_metadata.member_id, client_metadata.instance)
            if client_metadata.member_id not in self.members or client_metadata.generation != self.generation:
                raise TransientError("illegal generation")
        if any(len(at.metadata) > self.offset_metadata_max_bytes for at in positions.values()):
            raise FatalError("the offset metadata is too large", ExitCode.STATE)
        transaction.offsets |= positions

    def add_checkpoints(self, transactional_id: str, epoch: int, states: Mapping[Partition, PartitionState]) -> None:
        self._transaction(transactional_id, epoch).states |= states

    def commit(self, transactional_id: str, epoch: int) -> None:
        transaction = self._transaction(transactional_id, epoch)
        transaction.state = "committed"
        self.committed |= transaction.offsets
        for partition, position in transaction.offsets.items():
            self.commits[transaction.era][partition].append(position)
            self._reached[partition] = position
        self._commit_states(transaction)
        self.history |= {(p, at.offset, at.metadata) for p, at in transaction.offsets.items()}
        del self._open[transactional_id]

    def _commit_states(self, transaction: Transaction) -> None:
        for partition, state in transaction.states.items():
            self.checkpoints[partition] = self.windows_commits[partition] = state.counts
            self.windows.setdefault(partition, WindowTopic()).adopt(state.windows, state.records)
            self.changed.add((partition, state.counts.offset, str(sorted(state.changed.items()))))
        without = transaction.offsets.keys() - transaction.states.keys()
        self.changed |= {(partition, transaction.offsets[partition].offset, "") for partition in without}
        for output in transaction.labelled:
            tweet = decode(output.value)
            counted = CountedTweet(labelled_event_time_ms(tweet, output.headers), tweet.emotion, ())
            self.labelled[Partition(INPUT, output.partition)].append(counted)

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
        first, committed = self.inputs[partition].first, self.committed.get(partition)
        windows = self.windows[partition].restored() if partition in self.windows else None
        copies = self.checkpoints.get(partition), len(self.labelled[partition])
        return StoredState(first, committed, "", *copies, windows, self.windows_commits.get(partition))

    def refuses(self, record: OutputRecord) -> bool:
        """Return whether the record is too large, or refused as a compacted topic refuses a record without a key."""
        too_large = max_wire_bytes(record.key, record.value or b"", record.headers) > self.max_record_bytes
        return too_large or (record.topic == OUTPUT and b'"text":"refused"' in (record.value or b""))

    def visible(self, era: int | None = None) -> list[OutputRecord]:
        """Return the records that read_committed readers see, in the order of the log; of one era, or of all."""
        return [
            outgoing
            for outgoing, transaction in self.log
            if transaction.state == "committed" and era in (None, transaction.era)
        ]

    def drained(self) -> bool:
        """Whether the committed offset of every partition is the end, so that no tool shows a lag."""
        return all(
            log.end == (self.committed[partition].offset if partition in self.committed else log.first)
            for partition, log in self.inputs.items()
        )

    def _check_epoch(self, transactional_id: str, epoch: int) -> None:
        if self._epochs.get(transactional_id) != epoch:
            raise TransientError("the producer is fenced")

    def _transaction(self, transactional_id: str, epoch: int) -> Transaction:
        self._check_epoch(transactional_id, epoch)
        if transactional_id not in self._open:
            raise TransientError("no transaction is open")
        return self._open[transactional_id]
