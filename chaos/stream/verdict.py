"""Whether a stream kept its promise: what was lost, doubled, out of order or different, in numbers and sentences."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from chaos.stream.account import StreamAccount
from chaos.stream.differences import NONE, CountsDifference
from chaos.stream.findings import Findings
from chaos.stream.pauses import STUCK_S, Pauses

_KINDS: Final = ("lost", "doubled", "out_of_order", "changed", "unknown")


@dataclass(frozen=True, slots=True)
class Comparisons:
    """What was compared with the output once everything was read; `failures` are sentences."""

    redis: CountsDifference = NONE
    offsets: CountsDifference = NONE
    checkpoints: CountsDifference = NONE
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run has shown. Every count of something wrong is 0 if the promise was kept."""

    fed: int
    labelled: int
    dead_letters: Mapping[str, int]
    """Reason → dead letters."""
    lost: int
    doubled: int
    out_of_order: int
    changed: int
    """Output records that differ from what their input records promise."""
    unknown: int
    """Output records without an input record."""
    redis_difference: int
    offsets_difference: int
    """Of the counts in the offset metadata, and of the committed offsets themselves."""
    checkpoint_difference: int
    stuck: int
    """Partitions that waited for STUCK_S without progress."""
    longest_pause_s: float
    longest_partition_pause_s: float
    broken: Sequence[str]
    """One sentence for each thing that is wrong."""


def verdict(account: StreamAccount, fed: Mapping[int, int], pauses: Pauses, compared: Comparisons) -> Verdict:
    """Return the verdict on everything that was fed."""
    findings = _all_findings(account, fed)
    return Verdict(
        fed=sum(fed.values()),
        labelled=account.labelled_records,
        dead_letters=dict(account.reasons),
        **{kind: findings.counts[kind] for kind in _KINDS},
        redis_difference=compared.redis.sum,
        offsets_difference=compared.offsets.sum,
        checkpoint_difference=compared.checkpoints.sum,
        stuck=len(pauses.stuck),
        longest_pause_s=round(pauses.longest_s, 1),
        longest_partition_pause_s=round(pauses.longest_partition_s, 1),
        broken=[*_sentences(findings, pauses, compared), *compared.failures],
    )


def _all_findings(account: StreamAccount, fed: Mapping[int, int]) -> Findings:
    """Return the findings of the account with the records that were fed and never seen, or seen and never fed."""
    found = Findings.restored(account.findings.state())
    for partition, numbers in enumerate(account.numbers):
        place = f"{account.names.input}[{partition}]@"
        for number in numbers.lost(fed.get(partition, 0)):
            found.add("lost", f"{place}{number}")
        for number in numbers.beyond(fed.get(partition, 0)):
            found.add("unknown", f"{place}{number} was never fed")
    return found


def _sentences(findings: Findings, pauses: Pauses, compared: Comparisons) -> list[str]:
    sentences = [sentence for kind in _KINDS if (sentence := findings.sentence(kind))]
    tables = {
        "Redis differs from the committed output": compared.redis,
        "the committed offsets and their metadata differ from the committed output": compared.offsets,
        "the checkpoint topic differs from the committed offsets": compared.checkpoints,
    }
    sentences += [f"{what} by {each.sum}: {', '.join(each.examples)}" for what, each in tables.items() if each.sum]
    if pauses.stuck:
        numbers = ", ".join(f"{number} (since {_clock_time(at)})" for number, at in sorted(pauses.stuck.items()))
        sentences.append(f"stuck for {STUCK_S:g} s or longer: partition {numbers}")
    return sentences


def _clock_time(unix_s: float) -> str:
    """Return the time of day as the workers' logs have it."""
    return time.strftime("%H:%M:%S", time.localtime(unix_s))
