"""What verify says about minutes, hours and days: a bounded number of lines."""

import math
from bisect import insort
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from tweets.periods import ALL, PERIOD_MS, UNITS, Period
from tweets.records import Partition
from worker.verify.causes import Cause
from worker.verify.finding import Explanation, Finding

PERIODS: Final = "periods"
"""Subject of the finding about all minutes, hours and days together."""

NOT_COMPARED: Final = "periods not compared"
"""Subject of the finding that names what cannot be recounted."""

_NAMED: Final = 20
"""Lines about single periods; more differences are counted."""

_SUM: Final = "the sum of all partitions"

_NAMED_PLACES: Final = 3
"""Partitions that such a line names."""

_FORMATS: Final = {"minute": "%Y-%m-%dT%H:%MZ", "hour": "%Y-%m-%dT%HZ", "day": "%Y-%m-%d"}


class Difference(NamedTuple):
    """What is wrong with a subject in a period; `counts` is emotion → found, expected.

    `place` is the partition whose contribution differs; None: the hash differs from the sum of all partitions.
    """

    period: Period
    subject: str
    place: Partition | None
    counts: Mapping[str, tuple[int, int]]


class Differences:
    """All differences of one look: the first ones in order, and how many there are. Memory is bounded.

    After a wipe of Redis every count of every partition differs.
    """

    def __init__(self) -> None:
        self._first: list[tuple[tuple[int, int, str], Finding]] = []
        self._places: dict[Partition | None, None] = {}
        self._count = 0

    def add(self, differences: Iterable[Difference]) -> None:
        """Add all differences of one period."""
        of_subject: dict[str, list[Difference]] = {}
        for each in differences:
            of_subject.setdefault(each.subject, []).append(each)
            self._places[each.place] = None
        self._count += len(of_subject)
        for same in of_subject.values():
            order = _order(same[0])
            if len(self._first) < _NAMED or order < self._first[-1][0]:
                insort(self._first, (order, _finding(same)), key=lambda each: each[0])
                del self._first[_NAMED:]

    def findings(self, periods: int) -> list[Finding]:
        """Return one finding for each period and tweet topic that differs, and one about all `periods`."""
        if not self._count:
            return [Finding(PERIODS, True, f"{periods} minutes, hours and days agree with the output topic")]
        more = f", {self._count - _NAMED} of them not named here" if self._count > _NAMED else ""
        detail = f"{self._count} counts of a minute, hour or day of all tweets or of a tweet topic differ{more}"
        return [*(finding for _, finding in self._first), Finding(PERIODS, False, detail, tuple(self._places))]


def not_judged_finding(
    since: Mapping[Partition, float],
    minutes_from: Mapping[Partition, int],
    other_late: Collection[int],
    kept: Sequence[Period],
) -> list[Finding]:
    """Return a finding that names the partitions with kept periods that cannot be judged, and why.

    A partition is complete from the minute `since` on, its minutes only from `minutes_from` on. `other_late` has the
    WINDOW_LATE_MINUTES of each partition that counts with another one than verify; nothing of it is judged.
    """
    oldest_ms = min((period.start_ms for period in kept), default=0)
    late = {p: minute for p, minute in since.items() if minute * PERIOD_MS["minute"] > oldest_ms}
    oldest = min((period.number for period in kept if period.unit == "minute"), default=0)
    expired = sorted(minute for minute in minutes_from.values() if minute > oldest)
    without = [partition for partition, minute in late.items() if math.isinf(minute)]
    named = sorted(int(minute) for minute in late.values() if not math.isinf(minute))
    texts = []
    if named:
        texts.append(
            f"{_partitions(len(named))} before {_times(named)}: a worker has counted minutes since then, or retention "
            "has deleted earlier records of the output topic"
        )
    if without:
        texts.append(
            f"{_partitions(len(without))} at all: no worker has committed minutes yet, or retention has deleted all "
            "records of the output topic"
        )
    if other_late:
        texts.append(
            f"{_partitions(len(other_late))} at all: a worker has WINDOW_LATE_MINUTES={min(other_late)}, set the same "
            "for verify"
        )
    if expired:
        texts.append(
            f"minutes of {_partitions(len(expired))} before {_times(expired)}: they have expired with an earlier, "
            "smaller WINDOW_KEEP_HOURS"
        )
    settings = _other_settings(other_late) if other_late else None
    return [Finding(NOT_COMPARED, True, "; ".join(texts), explanation=settings)] if texts else []


def _other_settings(late_minutes: Collection[int]) -> Explanation:
    values = ", ".join(str(minutes) for minutes in sorted(set(late_minutes)))
    return Explanation(
        Cause.WINDOW_SETTINGS,
        f"workers have committed with WINDOW_LATE_MINUTES={values}, which is not the value of verify",
        "set the same WINDOW_LATE_MINUTES for all workers and verify",
    )


def _finding(differences: Sequence[Difference]) -> Finding:
    period, subject = differences[0].period, differences[0].subject
    places = [f"{each.place or _SUM}: {_counts(each.counts)}" for each in differences[:_NAMED_PLACES]]
    more = len(differences) - _NAMED_PLACES
    detail = "Redis differs: " + "; ".join(places) + (f"; and {_partitions(more)} more" if more > 0 else "")
    where = tuple(each.place for each in differences)
    return Finding(f"{period.unit} {_time(period)} {_named(subject)}", False, detail, where)


def _partitions(count: int) -> str:
    return "1 partition" if count == 1 else f"{count} partitions"


def _times(minutes: Sequence[int]) -> str:
    first, last = _time(Period("minute", minutes[0])), _time(Period("minute", minutes[-1]))
    return first if first == last else f"{first} to {last}"


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
