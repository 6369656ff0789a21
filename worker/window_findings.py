"""What verify says about minutes, hours and days: a bounded number of lines."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Final, NamedTuple

from tweets.periods import ALL, PERIOD_MS, UNITS, Period
from tweets.records import Partition
from worker.finding import Finding

PERIODS: Final = "periods"
"""Subject of the finding about all minutes, hours and days together."""

NOT_COMPARED: Final = "periods not compared"
"""Subject of the finding that names what cannot be recounted."""

_NAMED: Final = 20
"""Lines about single periods; more differences are counted."""

_NAMED_PLACES: Final = 3
"""Partitions that such a line names."""

_FORMATS: Final = {"minute": "%Y-%m-%dT%H:%MZ", "hour": "%Y-%m-%dT%HZ", "day": "%Y-%m-%d"}


class Difference(NamedTuple):
    """What is wrong with a subject in a period at one place; `counts` is emotion → found, expected."""

    period: Period
    subject: str
    place: str
    counts: Mapping[str, tuple[int, int]]


def difference_findings(differences: Sequence[Difference], periods: int) -> list[Finding]:
    """Return one finding for each period and tweet topic that differs, and one about all `periods`."""
    ordered = sorted(differences, key=_order)
    grouped = [list(each) for _, each in groupby(ordered, key=_order)]
    findings = [_finding(each) for each in grouped[:_NAMED]]
    if not grouped:
        return [Finding(PERIODS, True, f"{periods} minutes, hours and days agree with the output topic")]
    more = f", {len(grouped) - _NAMED} of them not named here" if len(grouped) > _NAMED else ""
    detail = f"{len(grouped)} counts of a minute, hour or day of all tweets or of a tweet topic differ{more}"
    return [*findings, Finding(PERIODS, False, detail)]


def not_judged_finding(since: Mapping[Partition, float], kept: Sequence[Period]) -> list[Finding]:
    """Return a finding that names the partitions with kept periods before the minute from which they are complete."""
    oldest_ms = min((period.start_ms for period in kept), default=0)
    late = {p: minute for p, minute in since.items() if minute * PERIOD_MS["minute"] > oldest_ms}
    if not late:
        return []
    without = [partition for partition, minute in late.items() if math.isinf(minute)]
    named = sorted(int(minute) for minute in late.values() if not math.isinf(minute))
    texts = []
    if named:
        first, last = _time(Period("minute", named[0])), _time(Period("minute", named[-1]))
        until = first if first == last else f"{first} to {last}"
        texts.append(
            f"{_partitions(len(named))} before {until}: a worker has counted minutes since then, or retention has "
            "deleted earlier records of the output topic"
        )
    if without:
        texts.append(
            f"{_partitions(len(without))} at all: no worker has committed minutes yet, or retention has deleted all "
            "records of the output topic"
        )
    return [Finding(NOT_COMPARED, True, "; ".join(texts))]


def _finding(differences: Sequence[Difference]) -> Finding:
    period, subject = differences[0].period, differences[0].subject
    places = [f"{each.place}: {_counts(each.counts)}" for each in differences[:_NAMED_PLACES]]
    more = len(differences) - _NAMED_PLACES
    detail = "Redis differs: " + "; ".join(places) + (f"; and {_partitions(more)} more" if more > 0 else "")
    return Finding(f"{period.unit} {_time(period)} {_named(subject)}", False, detail)


def _partitions(count: int) -> str:
    return "1 partition" if count == 1 else f"{count} partitions"


def _order(difference: Difference) -> tuple[int, int, str]:
    return UNITS.index(difference.period.unit), difference.period.number, difference.subject


def _counts(counts: Mapping[str, tuple[int, int]]) -> str:
    return ", ".join(f"{name} {found} instead of {expected}" for name, (found, expected) in counts.items())


def _named(subject: str) -> str:
    """Return the name of a tweet topic; a name that a program put into Redis may be anything."""
    if subject == ALL:
        return "all tweets"
    return f"tweet topic {subject[:64] if subject.isprintable() else ascii(subject)[:64]}"


def _time(period: Period) -> str:
    return datetime.fromtimestamp(period.start_ms / 1000, UTC).strftime(_FORMATS[period.unit])
