"""The part of `python -m worker verify` on minutes, hours and days: compares Redis with the recount, and repairs.

Two comparisons show that the hashes of a period are right: the contribution of each partition equals the recount of its
output partition, and the hashes equal the sums over the contributions. The first judges only periods whose output
records are all there, since a worker counts periods and since retention has deleted records.
"""

import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tweets.periods import PERIOD_MS, Cells, Period
from tweets.records import Partition
from worker import time_limits
from worker.deadline import NEVER, Deadline
from worker.verify.finding import Finding
from worker.verify.window_findings import Difference, Differences, not_judged_finding
from worker.windows.cells_json import pack, unpack
from worker.windows.state import WindowLimits, add_cells


class StoredPeriod(Protocol):
    """A period in Redis, read at one moment: the cells of each field, and the sums that the hashes show."""

    @property
    def period(self) -> Period: ...
    @property
    def contributions(self) -> Mapping[str, Cells]: ...
    @property
    def sums(self) -> Cells: ...


class StoredWindows(Protocol):
    """The periods in Redis."""

    def kept(self, *, for_s: float) -> list[Period]: ...
    def subjects(self) -> list[str]: ...
    def read(self, periods: Sequence[Period], subjects: Collection[str]) -> Iterable[StoredPeriod]: ...
    def partition(self, field: str, topic: str) -> Partition | None: ...
    def field(self, partition: Partition) -> str: ...
    def key(self, subject: str, period: Period) -> str: ...


class RecountedWindows(Protocol):
    """The periods of each partition of the output topic, as far as the topic was read, counted with these limits."""

    @property
    def limits(self) -> WindowLimits: ...
    def cells(self, number: int, period: Period) -> Cells: ...
    def complete_from(self, number: int) -> float: ...


class PartitionState(Protocol):
    """The state of a partition's periods on the checkpoint topic."""

    @property
    def limits(self) -> WindowLimits: ...
    @property
    def complete_from(self) -> int: ...
    @property
    def minutes_from(self) -> int: ...


class KafkaWindows(Protocol):
    """The periods that workers have committed. Methods raise TransientError or FatalError."""

    def states(self, partitions: Collection[Partition]) -> Mapping[Partition, PartitionState]: ...


_Pair = tuple[Period, Partition]


@dataclass(slots=True)
class _Undecided:
    """A partition's contribution to a period that was not equal to the recount yet.

    Under load Redis and the recount are never of one moment. The contribution is right if it has at least what an
    earlier recount had (`target`), and at most what a later recount has.
    """

    target: bytes
    found: bytes


@dataclass(slots=True)
class WindowsCheck:
    """Compares Redis with a recount, again and again until everything has agreed once."""

    recount: RecountedWindows
    kafka: KafkaWindows
    store: StoredWindows
    now_s: Callable[[], float] = time.time
    deadline: Deadline = NEVER
    unread: int = 0
    """Periods that the last look has not reached before the deadline."""
    _states: dict[Partition, PartitionState | None] = field(default_factory=dict)
    _since: dict[Partition, float] = field(default_factory=dict)
    _minutes_from: dict[Partition, int] = field(default_factory=dict)
    _undecided: dict[_Pair, _Undecided] = field(default_factory=dict)
    _agreed: set[_Pair] = field(default_factory=set)
    """What has agreed once, of the periods that are compared again."""
    _periods: list[Period] | None = None
    _count: int = 0

    def findings(self, partitions: Collection[Partition]) -> list[Finding]:
        """Return the findings about these partitions, whose output the recount has read up to now."""
        self._look_at_kafka(partitions)
        by_number = {partition.number: partition for partition in partitions}
        topic = next((partition.topic for partition in partitions), "")
        if self._periods is None:
            self._periods = self.store.kept(for_s=time_limits.VERIFY_EXPIRY_MARGIN.seconds)
            self._count = len(self._periods)
        self._decide()
        differences, again = Differences(), list[Period]()
        due = list(filter(self._is_kept, self._periods))
        self.unread = len(due)
        for stored in self.store.read(due, self.store.subjects()):
            if self.deadline.has_passed:
                break
            self.unread -= 1
            agreed: list[_Pair] = []
            found = [
                *self._against_recount(stored, by_number.values(), agreed),
                *self._foreign(stored, topic, by_number),
                *self._against_sums(stored),
            ]
            if found and self._is_kept(stored.period):  # not expired while it was read
                differences.add(found)
                again.append(stored.period)
                self._agreed.update(agreed)
        self._periods = again
        return [*differences.findings(self._count - self.unread), *self._not_judged()]

    def _is_kept(self, period: Period) -> bool:
        return self.recount.limits.expires_ms(period) / 1000 > self.now_s() + time_limits.VERIFY_EXPIRY_MARGIN.seconds

    def _not_judged(self) -> list[Finding]:
        others = {p: s.limits.late_minutes for p, s in self._states.items() if s is not None and self._counts_other(s)}
        since = {partition: minute for partition, minute in self._since.items() if partition not in others}
        minutes_from = {p: minute for p, minute in self._minutes_from.items() if minute > self._since[p]}
        kept = self.store.kept(for_s=time_limits.VERIFY_EXPIRY_MARGIN.seconds)
        return not_judged_finding(since, minutes_from, others.values(), kept)

    def _counts_other(self, state: PartitionState) -> bool:
        """Return whether the windows are counted with another WINDOW_LATE_MINUTES than the recount."""
        return state.limits.late_minutes != self.recount.limits.late_minutes

    def _look_at_kafka(self, partitions: Collection[Partition]) -> None:
        """Note from which minute on the periods of each partition can be judged."""
        new = set(partitions) - self._since.keys()
        states = self.kafka.states(new) if new else {}
        for partition in new:
            state = self._states[partition] = states.get(partition)
            unknown = state is None or self._counts_other(state)
            self._since[partition] = math.inf if state is None or unknown else state.complete_from
        for partition in partitions:
            self._minutes_from[partition] = self._first_minute(self._states[partition])
            self._since[partition] = max(self._since[partition], self.recount.complete_from(partition.number))

    def _first_minute(self, state: PartitionState | None) -> int:
        """Return the first minute of a partition that no smaller WINDOW_KEEP_HOURS of a worker has let expire."""
        if state is None or state.limits.minute_kept_hours >= self.recount.limits.minute_kept_hours:
            return 0 if state is None else state.minutes_from
        return max(state.minutes_from, state.limits.first_minute(self.now_s()))

    def _is_judged(self, partition: Partition, period: Period) -> bool:
        first: float = self._since[partition]
        if period.unit == "minute":
            first = max(first, self._minutes_from[partition])
        return period.start_ms >= first * PERIOD_MS["minute"]

    def _decide(self) -> None:
        """Note what Redis had right at the look before, now that the recount has read further."""
        decided = set()
        for (period, partition), each in self._undecided.items():
            found = unpack(each.found)
            upper = self.recount.cells(partition.number, period)
            if _within(unpack(each.target), found) and _within(found, upper):
                decided.add((period, partition))
        self._agreed |= decided
        for pair in decided:
            del self._undecided[pair]

    def _against_recount(
        self, stored: StoredPeriod, partitions: Iterable[Partition], agreed: list[_Pair]
    ) -> Iterator[Difference]:
        """Yield what differs from the recount; add what agrees to `agreed`."""
        period = stored.period
        for partition in partitions:
            pair = (period, partition)
            if pair in self._agreed or not self._is_judged(partition, period):
                continue
            expected = self.recount.cells(partition.number, period)
            found = stored.contributions.get(self.store.field(partition), {})
            if found == expected:
                self._undecided.pop(pair, None)
                agreed.append(pair)
                continue
            before = self._undecided.get(pair)
            self._undecided[pair] = _Undecided(before.target if before else pack(expected), pack(found))
            yield from _differences(period, expected, found, partition)

    def _foreign(self, stored: StoredPeriod, topic: str, known: Mapping[int, Partition]) -> Iterator[Difference]:
        """Yield the contributions of partitions of this group and Kafka topic that have no output."""
        for name, cells in stored.contributions.items():
            partition = self.store.partition(name, topic)
            if partition is not None and partition.number not in known:
                yield from _differences(stored.period, {}, cells, partition)

    def _against_sums(self, stored: StoredPeriod) -> Iterator[Difference]:
        expected: Cells = {}
        for cells in stored.contributions.values():
            add_cells(expected, cells)
        yield from _differences(stored.period, expected, stored.sums, None)


def _differences(period: Period, expected: Cells, found: Cells, place: Partition | None) -> Iterator[Difference]:
    wrong: dict[str, dict[str, tuple[int, int]]] = {}
    for cell in sorted(expected.keys() | found.keys()) if expected != found else ():
        pair = found.get(cell, 0), expected.get(cell, 0)
        if pair[0] != pair[1]:
            wrong.setdefault(cell[0], {})[cell[1]] = pair
    for subject, counts in wrong.items():
        yield Difference(period, subject, place, counts)


def _within(lower: Cells, upper: Cells) -> bool:
    return all(count <= upper.get(cell, 0) for cell, count in lower.items())
