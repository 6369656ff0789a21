"""`python -m worker verify --repair` for minutes, hours and days: Redis gets what workers have committed in Kafka."""

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from tweets.periods import PERIOD_MS, Cells, Period
from tweets.records import Partition
from worker.verify.windows import KafkaWindows, PartitionState, StoredPeriod, StoredWindows
from worker.windows.cells_json import dump, pack, unpacked_text


class CommittedPeriods(KafkaWindows, Protocol):
    """The periods that workers have committed, open and closed ones."""

    def open(self, partitions: Collection[Partition]) -> Iterable[tuple[Partition, Period, Cells]]: ...
    def closed(self, partitions: Collection[Partition]) -> Iterable[tuple[Partition, Period, Cells]]: ...


class RepairableWindows(StoredWindows, Protocol):
    """The periods in Redis, and their repair."""

    def unmark(self, partitions: Collection[Partition]) -> None: ...
    def repair(self, period: Period, counts: Mapping[Partition, str], subjects: Collection[str]) -> None: ...


def repair_windows(kafka: CommittedPeriods, store: RepairableWindows, partitions: Collection[Partition]) -> None:
    """Make every kept period in Redis equal to what workers have committed, for these partitions of the input topic.

    Where Kafka has no complete counts of a period, Redis has the last copy, and keeps it. The fences become those of
    generation 0, below every real one, so that Redis accepts the next push. A worker may have committed more since
    Kafka was read: without their markers, the owners publish every period again.
    """
    known = set(partitions)
    states = kafka.states(known)
    committed: dict[Period, dict[Partition, bytes]] = {}
    for read in (kafka.open, kafka.closed):  # what closes in between is complete only among the closed ones
        for partition, period, cells in read(known):
            committed.setdefault(period, {})[partition] = pack(cells)
    topic = next((partition.topic for partition in known), "")
    subjects = store.subjects()
    store.unmark(known)
    for stored in store.read(store.kept(for_s=0), subjects):
        in_kafka = {each: unpacked_text(packed) for each, packed in committed.get(stored.period, {}).items()}
        counts = (
            _only_in_redis(stored, store, topic, {p: _since(states.get(p), stored.period) for p in known}) | in_kafka
        )
        if counts or stored.sums:
            shown = {subject for subject, _ in stored.sums}
            store.repair(stored.period, counts, shown.union(subjects))
    store.unmark(known)


def _since(state: PartitionState | None, period: Period) -> float:
    """Return the first minute from which on Kafka has every period of this unit."""
    if state is None:
        return math.inf
    return max(state.complete_from, state.minutes_from if period.unit == "minute" else 0)


def _only_in_redis(
    stored: StoredPeriod, store: StoredWindows, topic: str, since: Mapping[Partition, float]
) -> dict[Partition, str]:
    """Return what the contributions in Redis are to become: none where Kafka would have them, else the same."""
    found = {}
    for name, cells in stored.contributions.items():
        partition = store.partition(name, topic)
        if partition is not None:
            complete = stored.period.start_ms >= since.get(partition, 0) * PERIOD_MS["minute"]
            found[partition] = dump({} if complete else cells)
    return found
