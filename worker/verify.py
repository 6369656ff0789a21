"""`python -m worker verify`: compares the counts committed in Kafka with Redis and with a recount, per partition."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from tweets.records import Partition
from worker import time_limits
from worker.counts import CommittedCounts, RunningCounts
from worker.deadline import NEVER, Deadline
from worker.finding import Finding
from worker.kafka.committed import Committed
from worker.verify_findings import (
    GROUPS,
    PERIODS_TEXT,
    groups_finding,
    lost_finding,
    nonzero,
    not_reached_finding,
    partition_finding,
    totals_finding,
    unread_outputs,
)


class Kafka(Protocol):
    """The committed offsets and counts in Kafka, and a recount of the output topic."""

    @property
    def topic(self) -> str: ...
    def committed(self) -> Mapping[Partition, Committed]: ...
    def input_partitions(self) -> Collection[Partition]: ...
    def checkpoints(self, partitions: Collection[Partition]) -> Mapping[Partition, CommittedCounts]: ...
    def recount(self, numbers: Collection[int]) -> Mapping[int, RunningCounts | None]: ...


class StoredCounts(Protocol):
    """The counts in Redis: totals, and the counts of every partition of every group, read at one moment."""

    def snapshot(self) -> tuple[Mapping[str, int], Mapping[str, Mapping[str, int]]]: ...
    @property
    def prefix(self) -> str: ...
    def other_groups(self, counts: Mapping[str, Mapping[str, int]]) -> list[str]: ...
    def field(self, partition: Partition) -> str: ...
    def partition(self, field: str, topic: str) -> Partition | None: ...
    def repair(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None: ...


class WindowFindings(Protocol):
    """The comparison of minutes, hours and days, which uses what the recount has read."""

    def findings(self, partitions: Collection[Partition]) -> list[Finding]: ...
    @property
    def unread(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Look:
    """What one comparison has read, and its findings; `not_reached` names what the deadline left out.

    `recounted` are the partitions whose output was read, and `recounts` those of partitions without a commit meanwhile.
    `stored` are the counts in Redis of this group and topic, `partitions` those that have counts anywhere.
    """

    committed: Mapping[Partition, Committed] = field(default_factory=dict)
    recounted: Collection[Partition] = ()
    recounts: Mapping[int, RunningCounts | None] = field(default_factory=dict)
    totals: Mapping[str, int] = field(default_factory=dict)
    stored: Mapping[Partition, Mapping[str, int]] = field(default_factory=dict)
    partitions: Collection[Partition] = ()
    findings: Sequence[Finding] = ()
    not_reached: Sequence[str] = ()

    def output_differs(self, partition: Partition) -> bool:
        """Return whether the recount of a partition's output differs from its committed counts."""
        at, recount = self.committed.get(partition), self.recounts.get(partition.number)
        if at is None or at.counts is None or recount is None:
            return False
        return nonzero(recount.totals) != nonzero(at.counts.totals)


def verify(
    kafka: Kafka,
    store: StoredCounts,
    *,
    timeout_s: float,
    deadline: Deadline = NEVER,
    windows: WindowFindings | None = None,
    explained: Callable[[Look], Sequence[Finding]] | None = None,
    note: Callable[[Look], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Finding]:
    """Compare until everything has agreed once, or until `timeout_s` seconds after the first comparison.

    Under load Redis follows the commits with a short delay, so one comparison is not enough. No comparison goes on
    after the deadline. `explained` returns the findings with their causes; `note` gets each comparison.
    """
    until_s: float | None = None
    agreed: dict[str, Finding] = {}
    last: Look | None = None
    while True:
        look = _compare(kafka, store)
        if windows is not None and look.recounted:
            if last is None and note is not None:
                note(_with_not_reached(replace(look, not_reached=[*look.not_reached, PERIODS_TEXT])))
            look = _with_periods(look, windows, deadline)
        until_s = clock() + timeout_s if until_s is None else until_s
        if last is None or not look.not_reached:  # a later look that the deadline cuts says less than the one before
            agreed |= {finding.subject: finding for finding in look.findings if finding.agrees}
            findings = [agreed.get(finding.subject, finding) for finding in look.findings]
            last = _with_not_reached(replace(look, findings=findings))
            if note is not None:
                note(last)
        # To wait does not help where groups share a prefix.
        done = all(finding.agrees or finding.subject == GROUPS for finding in last.findings)
        if done or clock() >= until_s or deadline.has_passed:
            return list(last.findings if explained is None else explained(last))
        sleep(time_limits.VERIFY_RETRY_PAUSE.seconds)


def repair(kafka: Kafka, store: StoredCounts) -> None:
    """Make Redis equal to the counts committed in Kafka.

    A partition without committed counts gets those of the checkpoint topic, which a worker would restore. Where neither
    exists, Redis has the last copy of the counts, and keeps it, unless the topic has no such partition any more.
    """
    committed = kafka.committed()
    _, stored = store.snapshot()
    whole = {p: CommittedCounts(0, at.offset, at.counts) for p, at in committed.items() if at.counts is not None}
    incomplete = (committed.keys() | _stored_partitions(kafka, store, stored).keys()) - whole.keys()
    gone = dict.fromkeys(incomplete - set(kafka.input_partitions()), CommittedCounts(0, 0, RunningCounts()))
    store.repair(whole | gone | dict(kafka.checkpoints(incomplete)))


def _compare(kafka: Kafka, store: StoredCounts) -> Look:
    """Compare all but the periods."""
    before = kafka.committed()
    read = kafka.recount([partition.number for partition in before])
    unread = unread_outputs(before, read)
    after = kafka.committed()
    recounts = {number: read.get(number) for number in {*read, *(each.number for each in after.keys() - before.keys())}}
    totals, stored = store.snapshot()
    in_redis = _stored_partitions(kafka, store, stored)
    checkpoints, lost = _second_copies(kafka, after, in_redis)
    findings = [
        partition_finding(
            partition,
            at,
            stored.get(store.field(partition), {}),
            recounts,
            checkpoints.get(partition),
            moved=before.get(partition) != at,
        )
        for partition, at in after.items()
    ]
    findings += [lost_finding(each, in_redis.get(each, {}), checkpoints.get(each)) for each in sorted(lost)]
    if not after:
        findings.append(Finding(kafka.topic, True, "the group has no committed offset: check KAFKA_GROUP_ID"))
    findings.append(totals_finding(totals, stored))
    findings += groups_finding(store.prefix, store.other_groups(stored))
    return Look(
        committed=after,
        recounted=list(before),
        recounts={each.number: recounts.get(each.number) for each, at in after.items() if before.get(each) == at},
        totals=totals,
        stored=in_redis,
        partitions={*after, *lost},
        findings=findings,
        not_reached=unread,
    )


def _second_copies(
    kafka: Kafka, committed: Mapping[Partition, Committed], in_redis: Mapping[Partition, Mapping[str, int]]
) -> tuple[Mapping[Partition, CommittedCounts], set[Partition]]:
    """Return the checkpoints of the partitions that lack counts, and those that have lost their committed offset."""
    incomplete = {partition for partition, at in committed.items() if at.counts is None}
    lost = {p for p in {*in_redis, *kafka.input_partitions()} if p not in committed}
    checkpoints = kafka.checkpoints(incomplete | lost) if incomplete or lost else {}
    return checkpoints, {p for p in lost if any(in_redis.get(p, {}).values()) or p in checkpoints}


def _with_periods(look: Look, windows: WindowFindings, deadline: Deadline) -> Look:
    """Return the look with the findings about periods, of which nothing can be said without the whole recount."""
    if look.not_reached or deadline.has_passed:
        return replace(look, not_reached=[*look.not_reached, PERIODS_TEXT])
    found = windows.findings(look.recounted)
    unread = [f"{windows.unread} {PERIODS_TEXT}"] if windows.unread else []
    return replace(look, findings=[*look.findings, *found], not_reached=unread)


def _with_not_reached(look: Look) -> Look:
    return replace(look, findings=[*look.findings, *not_reached_finding(look.not_reached)])


def _stored_partitions(
    kafka: Kafka, store: StoredCounts, stored: Mapping[str, Mapping[str, int]]
) -> dict[Partition, Mapping[str, int]]:
    """Return the counts in Redis of this group and topic."""
    parsed = {store.partition(field, kafka.topic): counts for field, counts in stored.items()}
    return {partition: counts for partition, counts in parsed.items() if partition is not None}
