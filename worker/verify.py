"""`python -m worker verify`: compares the counts committed in Kafka with Redis and with a recount, per partition."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final, Protocol

from tweets.records import Partition
from worker import time_limits
from worker.counts import CommittedCounts, RunningCounts
from worker.finding import Finding
from worker.kafka.committed import Committed

GROUPS: Final = "groups"
"""Subject of the finding that other consumer groups publish under the same REDIS_KEY_PREFIX."""

_NAMED_GROUPS: Final = 5
"""Groups that the finding names: it stays one readable line."""

_NAMED_CHARS: Final = 100
"""Characters of a group's name that the finding shows, for the same reason."""


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


def verify(
    kafka: Kafka,
    store: StoredCounts,
    *,
    timeout_s: float,
    windows: WindowFindings | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Finding]:
    """Compare until everything has agreed once, or until `timeout_s` seconds after the first comparison.

    Under load Redis follows the commits with a short delay, so one comparison is not enough.
    """
    deadline_s: float | None = None
    agreed: dict[str, Finding] = {}
    while True:
        findings = _compare(kafka, store, windows)
        deadline_s = clock() + timeout_s if deadline_s is None else deadline_s
        agreed |= {finding.subject: finding for finding in findings if finding.agrees}
        findings = [agreed.get(finding.subject, finding) for finding in findings]
        # To wait does not help where groups share a prefix.
        if all(finding.agrees or finding.subject == GROUPS for finding in findings) or clock() >= deadline_s:
            return findings
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


def _compare(kafka: Kafka, store: StoredCounts, windows: WindowFindings | None) -> list[Finding]:
    before = kafka.committed()
    recounts = kafka.recount([partition.number for partition in before])
    after = kafka.committed()
    totals, stored = store.snapshot()
    in_redis = _stored_partitions(kafka, store, stored)
    incomplete = {partition for partition, at in after.items() if at.counts is None}
    lost = {p for p in {*in_redis, *kafka.input_partitions()} if p not in after}
    checkpoints = kafka.checkpoints(incomplete | lost) if incomplete or lost else {}
    lost = {p for p in lost if any(in_redis.get(p, {}).values()) or p in checkpoints}
    findings = [
        _partition_finding(
            partition,
            at,
            stored.get(store.field(partition), {}),
            recounts.get(partition.number),
            checkpoints.get(partition),
            moved=before.get(partition) != at,
        )
        for partition, at in after.items()
    ]
    findings += [
        Finding(
            str(partition),
            False,
            f"no committed offset (Kafka deletes the offsets of a group without members after "
            f"offsets.retention.minutes), but Redis counts {sum(in_redis.get(partition, {}).values())} tweets; "
            + _second_copy(checkpoints.get(partition)),
        )
        for partition in sorted(lost)
    ]
    if not after:
        findings.append(Finding(kafka.topic, True, "the group has no committed offset: check KAFKA_GROUP_ID"))
    of_periods = windows.findings(list(before)) if windows is not None and before else []
    return [*findings, _totals_finding(totals, stored), *of_periods, *_groups_finding(store, stored)]


def _stored_partitions(
    kafka: Kafka, store: StoredCounts, stored: Mapping[str, Mapping[str, int]]
) -> dict[Partition, Mapping[str, int]]:
    """Return the counts in Redis of this group and topic."""
    parsed = {store.partition(field, kafka.topic): counts for field, counts in stored.items()}
    return {partition: counts for partition, counts in parsed.items() if partition is not None}


def _partition_finding(
    partition: Partition,
    at: Committed,
    stored: Mapping[str, int],
    recount: RunningCounts | None,
    checkpoint: CommittedCounts | None,
    *,
    moved: bool,
) -> Finding:
    if at.counts is None:
        why = "the committed offset has no readable offset metadata (was it moved by a tool?)"
        return Finding(str(partition), False, f"@{at.offset}: {why}; {_second_copy(checkpoint)}")
    committed = _nonzero(at.counts.totals)
    problems = []
    if _nonzero(stored) != committed:
        problems.append(f"Redis differs: {_difference(committed, _nonzero(stored))}")
    if recount is not None and not moved and _nonzero(recount.totals) != committed:
        problems.append(f"the output topic differs: {_difference(committed, _nonzero(recount.totals))}")
    remark = " (not recounted: retention has deleted records of the output topic)" if recount is None else ""
    skipped = at.counts.skipped + at.deleted
    if skipped:
        remark += f" ({skipped} records skipped: Kafka deleted them before a worker read them)"
    agreed = f"{sum(committed.values())} tweets{remark}"
    return Finding(str(partition), not problems, f"@{at.offset}: {'; '.join(problems) or agreed}")


def _second_copy(checkpoint: CommittedCounts | None) -> str:
    if checkpoint is None:
        return "the checkpoint topic has no state of it: see import-state"
    counted = sum(checkpoint.counts.totals.values())
    return f"the checkpoint topic has {counted} tweets up to offset {checkpoint.offset}, which a worker restores"


def _totals_finding(stored_totals: Mapping[str, int], stored: Mapping[str, Mapping[str, int]]) -> Finding:
    totals, sums = _nonzero(stored_totals), _nonzero(_sum(stored.values()))
    detail = f"{sum(totals.values())} tweets" if totals == sums else f"Redis differs: {_difference(sums, totals)}"
    return Finding("totals", totals == sums, detail)


def _groups_finding(store: StoredCounts, stored: Mapping[str, Mapping[str, int]]) -> list[Finding]:
    """Return a finding if other groups have counts under the prefix; a name with control characters is quoted."""
    others = store.other_groups(stored)
    if not others:
        return []
    shown = [name if name.isprintable() else ascii(name) for name in others[:_NAMED_GROUPS]]
    named = ", ".join(name[:_NAMED_CHARS] for name in shown)
    more = f" and {len(others) - _NAMED_GROUPS} more" if len(others) > _NAMED_GROUPS else ""
    prefix = store.prefix
    detail = (
        f"REDIS_KEY_PREFIX={prefix}: Redis also has counts of the consumer groups {named}{more} under this prefix, and "
        f"the totals are the sum of all groups; give each group another REDIS_KEY_PREFIX, and delete the keys "
        f"{prefix}:*, which come back for the group that keeps this prefix"
    )
    return [Finding(GROUPS, False, detail)]


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
