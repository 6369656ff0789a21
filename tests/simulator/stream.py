"""The loop's stream over the broker in memory. Before and after every effect anything may happen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, cast

from tests.simulator.broker import ClientMetadata, InputLog
from tests.simulator.share import ShareTruth
from tests.simulator.surroundings import Surroundings
from tweets.records import OutputRecord, Partition, Record
from worker.errors import RefusedRecordsError, TransientError
from worker.membership import CommittedOffset, Membership, PolledRecords, StoredState
from worker.partition_state import PartitionState

FAULT: Final = 0.03
"""The probability of an injected error at each call to Kafka."""

NO_MEMBER: Final = ""


@dataclass
class View:
    """The group as a consumer knows it."""

    member_id: str = NO_MEMBER
    generation: int = -1
    partitions: frozenset[Partition] = frozenset()
    positions: dict[Partition, int] = field(default_factory=dict)

    def membership(self, instance: str | None) -> Membership:
        member_id = self.member_id if self.generation >= 0 else NO_MEMBER
        return Membership(
            self.partitions, self.generation, member_id, ClientMetadata(member_id, instance, self.generation)
        )


class SimulatedStream:
    """The loop's stream over the broker in memory. Before and after every effect anything may happen."""

    def __init__(self, world: Surroundings, *, pause: Callable[[], None], name: str, instance: str | None) -> None:
        self.view = View()
        self._world = world
        self._rng = world.rng
        self._pause = pause
        self._instance = instance
        self.transactional_id = instance or name
        self._epoch: int | None = None
        self._limbo_polls = 0
        self._single_records = False
        self.share = ShareTruth(world)

    def poll(self, *, timeout_s: float, max_records: int) -> PolledRecords:
        self._fault("poll")
        self._world.broker.check_not_replaced(self.view.member_id or self._join_first(), self._instance)
        fetched = self._fetched(max_records)
        if not fetched.records:
            self._world.now_s += timeout_s
        return fetched

    def restore(self, membership: Membership) -> dict[Partition, StoredState]:
        self._fault("restore")
        stored = {p: self._world.broker.stored(p) for p in sorted(membership.partitions)}
        for found in stored.values():
            deleted = found.committed is not None and found.committed.offset < found.first
            self._world.happened["records skipped"] += deleted
        self._fault("restore, reply lost")
        return stored

    def seek(self, offsets: Mapping[Partition, int]) -> None:
        self.view.positions |= offsets

    def publish(self, outgoing: Sequence[OutputRecord], states: Mapping[Partition, PartitionState]) -> None:
        broker, epoch = self._world.broker, self._live_epoch()
        self._fault("publish")
        broker.begin(self.transactional_id, epoch)
        refused = [number for number, record in enumerate(outgoing) if broker.refuses(record)]
        for number, record in enumerate(outgoing):
            if self._rng.random() < 0.1:
                self._fault("publish, halfway")
            if number not in refused:
                broker.append(self.transactional_id, epoch, record)
        broker.add_checkpoints(self.transactional_id, epoch, states)
        if refused:
            topics = {outgoing[number].topic for number in refused}
            self._refuse(refused, [n for n, record in enumerate(outgoing) if record.topic in topics])
        self._fault("publish, reply lost")
        self.share.sent(outgoing)

    def commit(self, positions: Mapping[Partition, CommittedOffset], membership: Membership) -> None:
        broker, epoch = self._world.broker, self._live_epoch()
        client_metadata = cast(ClientMetadata, membership.client_metadata)
        self.share.commits()
        self._fault("offsets")
        broker.add_offsets(self.transactional_id, epoch, positions, client_metadata)
        self._fault("end of transaction")
        if self._chaos(FAULT / 2):
            self._world.happened["commit in flight"] += 1
            self._world.in_flight.append((self.transactional_id, epoch))
            raise TransientError("the commit was sent, no reply")
        broker.commit(self.transactional_id, epoch)
        self._world.happened["commit" if self._world.chaos else "commit in peace"] += 1
        self._fault("commit, reply lost")
        self.share.committed()

    def rollback(self) -> None:
        self._epoch = None
        self.share.aborted()
        self._fault("rollback")
        for late in [one for one in self._world.in_flight if one[0] == self.transactional_id]:
            if self._rng.random() < 0.5:
                self._world.deliver(late)
        self._epoch = self._world.broker.init_producer(self.transactional_id)
        self._fault("rollback, reply lost")

    def lag(self, partition: Partition, offset: int) -> int | None:
        return None

    def _refuse(self, refused: Sequence[int], suspected: Sequence[int]) -> None:
        """Name the refused records, or, like an old broker, all records of the batch for the same topics."""
        exact = self._single_records or self._rng.random() < 0.7 or len(suspected) == len(refused)
        self._single_records = not exact
        self._world.happened["refused" if exact else "refused, not exact"] += 1
        raise RefusedRecordsError(dict.fromkeys(refused if exact else suspected, "no key"), exact=exact)

    # For loops with a rule switched off

    def present_membership(self) -> Membership:
        """Return the membership that the client's background thread knows now."""
        broker = self._world.broker
        if self.view.member_id not in broker.members:
            return self.view.membership(self._instance)
        return replace(self.view, generation=broker.generation).membership(self._instance)

    # The consumer's side

    def _join_first(self) -> str:
        if self._world.chaos and self._rng.random() < 0.3:
            return NO_MEMBER if self._instance is None else self._join()
        return self._join()

    def _join(self) -> str:
        self._world.happened["join"] += 1
        self.view.member_id = self._world.broker.join(self._instance).id
        return self.view.member_id

    def _fetched(self, max_records: int) -> PolledRecords:
        broker, view = self._world.broker, self.view
        if not view.member_id:
            return self._polled([])
        notices = not self._chaos(0.3)
        if view.member_id not in broker.members and notices:
            if view.generation >= 0:
                self._limbo_polls = self._rng.randint(1, 6) if self._world.chaos else 0
                view.generation = -1
            if self._limbo_polls > 0:
                # Thrown out: the client still has its assignment, and reads on.
                self._limbo_polls -= 1
                self._world.happened["poll outside the group"] += 1
                return self._polled(self._records(max_records))
            self._join()
        member = broker.members.get(view.member_id)
        if member is None or not notices or view.generation == broker.generation:
            return self._polled(self._records(max_records))
        return self._after_rebalance(max_records, member.partitions)

    def _after_rebalance(self, max_records: int, partitions: frozenset[Partition]) -> PolledRecords:
        """Return records of the old generation with the new membership; positions have moved meanwhile."""
        view, broker = self.view, self._world.broker
        self._world.happened["rebalance noticed"] += 1
        records = self._records(max_records) if self._rng.random() < 0.5 else []
        view.generation, view.partitions = broker.generation, partitions
        for partition in sorted(partitions):
            if self._rng.random() < 0.7:
                log = broker.inputs[partition]
                view.positions[partition] = self._rng.randint(log.first, log.end)
        if self._rng.random() < 0.5:
            records = records[: max_records // 2] + self._records(max_records - max_records // 2)
        return self._polled(records)

    def _polled(self, records: list[Record]) -> PolledRecords:
        view = self.view
        read_to = {p: view.positions[p] for p in view.partitions if p in view.positions}
        return PolledRecords(records, view.membership(self._instance), read_to)

    def _records(self, at_most: int) -> list[Record]:
        found: list[Record] = []
        partitions = sorted(self.view.partitions)
        self._rng.shuffle(partitions)
        for partition in partitions:
            log = self._world.broker.inputs[partition]
            start = self.view.positions.get(partition, log.first)
            if start < log.first and not self._chaos(0.5):  # else the client has fetched what was deleted since
                self.view.positions[partition] = log.first  # else every later poll would fail as well
                raise TransientError(f"{partition}@{start}: the offset is out of range")
            waiting = [record for record in log.records if record.offset >= start]
            batch = waiting[: min(at_most - len(found), self._rng.randint(0, 5))]
            self.view.positions[partition] = self._after(log, batch[-1].offset + 1 if batch else start)
            found += batch
        return found

    def _after(self, log: InputLog, offset: int) -> int:
        """Return the position after all that is read: the client passes over offsets without a record at any time."""
        following = log.next_record(offset)
        return self._rng.randint(offset, following) if self._chaos(0.5) else following

    # Faults

    def _live_epoch(self) -> int:
        if self._epoch is None:
            raise TransientError("no producer")
        return self._epoch

    def _fault(self, what: str) -> None:
        self._pause()
        if self._chaos(FAULT):
            self._world.happened[what] += 1
            raise TransientError(f"injected: {what}")

    def _chaos(self, probability: float) -> bool:
        return self._world.chaos and self._rng.random() < probability
