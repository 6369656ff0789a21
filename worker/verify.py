"""`python -m worker verify`: the committed counts in Kafka, those in Redis, and a recount, partition by partition."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from worker.audit import Committed
from worker.counts import Claim, RunningCounts
from worker.messages import Partition


class Kafka(Protocol):
    """What is committed."""

    def committed(self) -> Mapping[Partition, Committed]: ...
    def recount(self, number: int) -> RunningCounts | None: ...


class Store(Protocol):
    """What Redis holds."""

    def totals(self) -> Mapping[str, int]: ...
    def partitions(self) -> Mapping[str, Mapping[str, int]]: ...
    def field(self, partition: Partition) -> str: ...
    def repair(self, claims: Mapping[Partition, Claim]) -> None: ...


@dataclass(frozen=True, slots=True)
class Finding:
    """One partition, or the totals of all: in words, and whether everything agrees."""

    subject: str
    agrees: bool
    words: str


def verify(
    kafka: Kafka, store: Store, *, timeout_s: float, clock: Callable[[], float] = time.monotonic
) -> list[Finding]:
    """Compares until everything agrees or `timeout_s` has passed: under load Redis is a moment behind Kafka."""
    deadline_s = clock() + timeout_s
    while True:
        findings = _compare(kafka, store)
        if all(finding.agrees for finding in findings) or clock() >= deadline_s:
            return findings


def repair(kafka: Kafka, store: Store) -> None:
    """Makes Redis equal to what Kafka has committed."""
    store.repair({p: Claim(0, at.offset, at.counts or RunningCounts()) for p, at in kafka.committed().items()})


def _compare(kafka: Kafka, store: Store) -> list[Finding]:
    before = kafka.committed()
    stored = store.partitions()
    recounts = {partition: kafka.recount(partition.number) for partition in before}
    moved = {partition for partition, at in kafka.committed().items() if before.get(partition) != at}
    findings = [
        _partition_finding(
            partition, at, stored.get(store.field(partition), {}), recounts[partition], partition in moved
        )
        for partition, at in before.items()
    ]
    return [*findings, _totals_finding(store)]


def _partition_finding(
    partition: Partition, at: Committed, stored: Mapping[str, int], recount: RunningCounts | None, moved: bool
) -> Finding:
    if at.counts is None:
        return Finding(str(partition), False, f"@{at.offset}: the committed offset has no note of counts")
    committed = _nonzero(at.counts.totals)
    problems = []
    if _nonzero(stored) != committed:
        problems.append(f"Redis differs: {_difference(committed, _nonzero(stored))}")
    if recount is not None and not moved and _nonzero(recount.totals) != committed:
        problems.append(f"the output topic differs: {_difference(committed, _nonzero(recount.totals))}")
    remark = " (retention has cut the output topic: not recounted)" if recount is None else ""
    agreed = f"{sum(committed.values())} tweets{remark}"
    return Finding(str(partition), not problems, f"@{at.offset}: {'; '.join(problems) or agreed}")


def _totals_finding(store: Store) -> Finding:
    # Read in this order, totals may run ahead of the partitions under load; the caller then looks again.
    totals = _nonzero(store.totals())
    sums = _nonzero(_sum(store.partitions().values()))
    words = f"{sum(totals.values())} tweets" if totals == sums else f"Redis differs: {_difference(sums, totals)}"
    return Finding("totals", totals == sums, words)


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for one in counts:
        for name, count in one.items():
            sums[name] = sums.get(name, 0) + count
    return sums


def _nonzero(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


def _difference(expected: Mapping[str, int], found: Mapping[str, int]) -> str:
    names = sorted(name for name in {*expected, *found} if expected.get(name, 0) != found.get(name, 0))
    return ", ".join(f"{name} {found.get(name, 0)} instead of {expected.get(name, 0)}" for name in names)
