"""The lines of `verify` about partitions, totals, groups, and what was not compared."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from tweets.records import Partition
from worker.counts import CommittedCounts, RunningCounts
from worker.kafka.committed import Committed
from worker.verify.causes import Cause
from worker.verify.finding import Explanation, Finding

TOTALS: Final = "totals"
"""Subject of the finding about the totals."""

GROUPS: Final = "groups"
"""Subject of the finding that other consumer groups publish under the same REDIS_KEY_PREFIX."""

NOT_REACHED: Final = "not compared"
"""Subject of the finding that names what was not compared before the time-out."""

COUNTS_TEXT: Final = "counts"

PERIODS_TEXT: Final = "minutes, hours and days"

_NAMED: Final = 5
"""Groups or partitions that a finding names: it stays one readable line."""

_NONE: Final = RunningCounts()

_NAMED_CHARS: Final = 100
"""Characters of a group's name that the finding shows, for the same reason."""


def partition_finding(
    partition: Partition,
    at: Committed,
    stored: Mapping[str, int],
    recounts: Mapping[int, RunningCounts | None],
    checkpoint: CommittedCounts | None,
    *,
    moved: bool,
) -> Finding:
    """Return the finding of a committed partition; `moved`: another commit came during the recount."""
    if at.counts is None:
        why = "the committed offset has no readable offset metadata (was it moved by a tool?)"
        return Finding(str(partition), False, f"@{at.offset}: {why}; {_second_copy(checkpoint)}")
    committed, problems = nonzero(at.counts.totals), []
    recount = recounts.get(partition.number)
    if nonzero(stored) != committed:
        problems.append(f"Redis differs: {difference(committed, nonzero(stored))}")
    if recount is not None and not moved and nonzero(recount.totals) != committed:
        problems.append(f"the output topic differs: {difference(committed, nonzero(recount.totals))}")
    if problems:
        return Finding(str(partition), False, f"@{at.offset}: {'; '.join(problems)}")
    text = _agreement(committed, at, partition.number, recounts)
    remark = _remark(at, partition.number, recounts)
    return Finding(str(partition), True, f"@{at.offset}: {text}", explanation=remark)


def lost_finding(partition: Partition, stored: Mapping[str, int], checkpoint: CommittedCounts | None) -> Finding:
    """Return the finding of a partition without a committed offset that was counted before."""
    return Finding(
        str(partition),
        False,
        f"no committed offset (Kafka deletes the offsets of a group without members after offsets.retention.minutes), "
        f"but Redis counts {sum(stored.values())} tweets; {_second_copy(checkpoint)}",
    )


def totals_finding(stored_totals: Mapping[str, int], stored: Mapping[str, Mapping[str, int]]) -> Finding:
    """Return the finding that compares the totals with the sums over the partitions."""
    totals, sums = nonzero(stored_totals), nonzero(_sum(stored.values()))
    detail = f"{sum(totals.values())} tweets" if totals == sums else f"Redis differs: {difference(sums, totals)}"
    return Finding(TOTALS, totals == sums, detail)


def groups_finding(prefix: str, others: Sequence[str]) -> list[Finding]:
    """Return a finding if other groups have counts under the prefix; a name with control characters is quoted."""
    if not others:
        return []
    shown = [name if name.isprintable() else ascii(name) for name in others[:_NAMED]]
    named = ", ".join(name[:_NAMED_CHARS] for name in shown)
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    detail = (
        f"REDIS_KEY_PREFIX={prefix}: Redis also has counts of the consumer groups {named}{more} under this prefix, and "
        "the totals are the sum of all groups"
    )
    explanation = Explanation(
        Cause.SHARED_PREFIX,
        f"the key {prefix}:partitions has counts of {len(others)} other groups",
        f"give each group another REDIS_KEY_PREFIX, and delete the keys {prefix}:*, which come back for the group that "
        "keeps this prefix",
    )
    return [Finding(GROUPS, False, detail, explanation=explanation)]


def not_reached_finding(names: Sequence[str]) -> list[Finding]:
    """Return a finding that names what was not compared before the time-out."""
    if not names:
        return []
    advice = "run verify again with a longer --timeout, or without it: the recount then takes as long as records arrive"
    explanation = Explanation(Cause.TIME_OUT, "verify ran as long as --timeout allows", advice)
    return [Finding(NOT_REACHED, False, "; ".join(names), explanation=explanation)]


def unread_outputs(partitions: Collection[Partition], recounts: Mapping[int, RunningCounts | None]) -> list[str]:
    """Return a text that names the partitions whose output was not read to its end; none if all were."""
    unread = [str(partition) for partition in sorted(partitions) if partition.number not in recounts]
    more = f" and {len(unread) - _NAMED} partitions more" if len(unread) > _NAMED else ""
    return [f"the output topic for {', '.join(unread[:_NAMED])}{more}"] if unread else []


def nonzero(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts without those that are 0."""
    return {name: count for name, count in counts.items() if count}


def difference(expected: Mapping[str, int], found: Mapping[str, int]) -> str:
    """Return the counts that differ, as text."""
    names = sorted(name for name in {*expected, *found} if expected.get(name, 0) != found.get(name, 0))
    return ", ".join(f"{name} {found.get(name, 0)} instead of {expected.get(name, 0)}" for name in names)


def _agreement(
    committed: Mapping[str, int], at: Committed, number: int, recounts: Mapping[int, RunningCounts | None]
) -> str:
    text = f"{sum(committed.values())} tweets"
    if number not in recounts:
        text += " (not recounted: the time-out came first)"
    elif recounts[number] is None:
        text += " (not recounted: retention has deleted records of the output topic)"
    if skipped := _skipped(at):
        text += f" ({skipped} records skipped: Kafka deleted them before a worker read them)"
    return text


def _remark(at: Committed, number: int, recounts: Mapping[int, RunningCounts | None]) -> Explanation | None:
    """Return why a partition that agrees has fewer tweets than its input, or was not recounted."""
    if skipped := _skipped(at):
        return Explanation(
            Cause.RECORDS_SKIPPED,
            f"{skipped} offsets before the committed offset {at.offset} were deleted before a worker read them",
            "raise retention.ms and retention.bytes of the input topic above the longest outage of the workers",
        )
    if recounts.get(number, _NONE) is None:
        return Explanation(
            Cause.RETENTION,
            "the output partition does not begin at offset 0",
            "nothing: Redis was compared with the counts committed in Kafka",
        )
    return None


def _skipped(at: Committed) -> int:
    return (at.counts.skipped if at.counts else 0) + at.deleted


def _second_copy(checkpoint: CommittedCounts | None) -> str:
    if checkpoint is None:
        return "the checkpoint topic has no state of it: see import-state"
    counted = sum(checkpoint.counts.totals.values())
    return f"the checkpoint topic has {counted} tweets up to offset {checkpoint.offset}, which a worker restores"


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for one in counts:
        for name, count in one.items():
            sums[name] = sums.get(name, 0) + count
    return sums
