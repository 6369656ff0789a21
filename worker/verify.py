"""`python -m worker verify`: the committed counts in Kafka, those in Redis, and a recount, partition by partition."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from tweets.records import Partition
from worker import time_limits
from worker.counts import CommittedCounts, RunningCounts
from worker.kafka.committed import Committed


class Kafka(Protocol):
    """What is committed."""

    @property
    def topic(self) -> str: ...
    def committed(self) -> Mapping[Partition, Committed]: ...
    def recount(self, number: int) -> RunningCounts | None: ...


class Store(Protocol):
    """What Redis holds: totals, and the counts of every partition of every group, at one moment."""

    def snapshot(self) -> tuple[Mapping[str, int], Mapping[str, Mapping[str, int]]]: ...
    def field(self, partition: Partition) -> str: ...
    def partition(self, field: str, topic: str) -> Partition | None: ...
    def repair(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None: ...


@dataclass(frozen=True, slots=True)
class Finding:
    """One partition, or the totals of all: in words, and whether everything agrees."""

    subject: str
    agrees: bool
    words: str


def verify(
    kafka: Kafka,
    store: Store,
    *,
    timeout_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Finding]:
    """Compares until everything has agreed once or `timeout_s` has passed: under load Redis is a moment behind."""
    deadline_s = clock() + timeout_s
    agreed: dict[str, Finding] = {}
    while True:
        findings = _look(kafka, store)
        agreed |= {finding.subject: finding for finding in findings if finding.agrees}
        findings = [agreed.get(finding.subject, finding) for finding in findings]
        if all(finding.agrees for finding in findings) or clock() >= deadline_s:
            return findings
        sleep(time_limits.VERIFY_RETRY_PAUSE.seconds)


def repair(kafka: Kafka, store: Store) -> None:
    """Makes Redis equal to what Kafka has committed; partitions in which nothing is committed count nothing."""
    committed = kafka.committed()
    committed_counts = {p: CommittedCounts(0, at.offset, at.counts or RunningCounts()) for p, at in committed.items()}
    _, stored = store.snapshot()
    store.repair(
        committed_counts
        | {p: CommittedCounts(0, 0, RunningCounts()) for p in _held(kafka, store, stored) if p not in committed}
    )


def _look(kafka: Kafka, store: Store) -> list[Finding]:
    before = kafka.committed()
    recounts = {partition: kafka.recount(partition.number) for partition in before}
    after = kafka.committed()
    totals, stored = store.snapshot()
    findings = [
        _partition_finding(
            partition,
            at,
            stored.get(store.field(partition), {}),
            recounts.get(partition),
            moved=before.get(partition) != at,
        )
        for partition, at in after.items()
    ]
    findings += [
        Finding(str(partition), False, f"nothing is committed, Redis counts {sum(counts.values())} tweets")
        for partition, counts in _held(kafka, store, stored).items()
        if partition not in after and any(counts.values())
    ]
    if not after:
        findings.append(Finding(kafka.topic, True, "the group has committed nothing: is KAFKA_GROUP_ID right?"))
    return [*findings, _totals_finding(totals, stored)]


def _held(kafka: Kafka, store: Store, stored: Mapping[str, Mapping[str, int]]) -> dict[Partition, Mapping[str, int]]:
    """What Redis holds for our group and topic."""
    known = {store.partition(field, kafka.topic): counts for field, counts in stored.items()}
    return {partition: counts for partition, counts in known.items() if partition is not None}


def _partition_finding(
    partition: Partition, at: Committed, stored: Mapping[str, int], recount: RunningCounts | None, *, moved: bool
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


def _totals_finding(stored_totals: Mapping[str, int], stored: Mapping[str, Mapping[str, int]]) -> Finding:
    totals, sums = _nonzero(stored_totals), _nonzero(_sum(stored.values()))
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
