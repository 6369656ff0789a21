"""Emotion over time as the live page's server and `python -m worker series` answer it: times, periods, JSON. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tweets.periods import ALL, PERIOD_MS, Period, Unit
from tweets.timestamps import RFC3339_LAST_MS, rfc3339_s, unix_ms

PERIODS_MAX: Final = 3_000
"""Periods of one answer: two days of minutes, and tens of milliseconds of reading Redis."""

PERIODS_DEFAULT: Final[dict[Unit, int]] = {"minute": 60, "hour": 24, "day": 30}
"""Periods without `from`, the last of which contains the present moment."""

_LOST_PLUS: Final = re.compile(r" (\d\d:\d\d)\Z")
"""A blank instead of a plus is what is left of a plus that an address did not escape."""


class SeriesError(ValueError):
    """A wrong question; `field` is the parameter to correct, and the text follows the parameter's name."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = name


class UnknownSubjectError(Exception):
    """No tweet topic of this name is counted; the text is one sentence."""

    def __init__(self, subject: str, known: Iterable[str]) -> None:
        names = ", ".join(list(known)[:10])
        among = f"counted are {names}" if names else "no tweet topic is counted, see TOPICS_FILE"
        super().__init__(f"there is no tweet topic {subject[:64]!r}: {among}")


@dataclass(frozen=True, slots=True)
class Span:
    """The periods of a unit from `first` to `last`, both included."""

    unit: Unit
    first: int
    last: int

    def starts(self) -> list[tuple[int, str]]:
        """Return the number of each period and its start in RFC 3339."""
        return [
            (each, rfc3339_s(Period(self.unit, each).start_ms // 1000)) for each in range(self.first, self.last + 1)
        ]


@dataclass(frozen=True, slots=True)
class Series:
    """The counts by emotion of each period of `span` that has a tweet.

    `since_s` is since when a tweet topic is counted, in Unix seconds; None for all tweets.
    """

    subject: str
    span: Span
    counts: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    since_s: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object of an answer: every period is there, one without a tweet has no counts."""
        since = {} if self.since_s is None else {"since": rfc3339_s(self.since_s)}
        rows = [{"start": start, "counts": dict(self.counts.get(each, {}))} for each, start in self.span.starts()]
        return {"topic": self.subject, "step": self.span.unit, **since, "series": rows}


def span_of(unit: Unit, first: str | None, end: str | None, *, now_ms: int) -> Span:
    """Return the periods that have a part from `first`, which is included, to `end`, which is not; both in RFC 3339.

    Without `end`, the last period is the one of now. Without `first`, there are PERIODS_DEFAULT periods. Raises
    SeriesError for a wrong time, for an end that is not after the beginning, and for more than PERIODS_MAX periods.
    """
    length_ms = PERIOD_MS[unit]
    end_ms = now_ms + 1 if end is None else moment_ms("to", end)
    last = (end_ms - 1) // length_ms
    if first is None:
        return Span(unit, max(0, last + 1 - PERIODS_DEFAULT[unit]), last)
    first_ms = moment_ms("from", first)
    if first_ms >= end_ms:
        after = f"{end[:40]}, the value of to" if end is not None else "the present moment"
        raise SeriesError("from", f"{first[:40]} is not before {after}")
    span = Span(unit, first_ms // length_ms, last)
    periods = span.last - span.first + 1
    if periods > PERIODS_MAX:
        longer = "" if unit == "day" else f", or a longer step than {unit}"
        raise SeriesError(
            "from", f"{periods:,} {unit}s are more than the {PERIODS_MAX:,} of an answer: choose less time{longer}"
        )
    return span


def moment_ms(name: str, text: str) -> int:
    """Return a time in RFC 3339 in Unix milliseconds. Raises SeriesError for the parameter `name`."""
    found = unix_ms(_LOST_PLUS.sub(r"+\1", text))
    if found is None or not 0 <= found <= RFC3339_LAST_MS:
        raise SeriesError(name, f"{text[:40]!r} is no time in RFC 3339 from 1970 on, such as 2026-05-01T12:00:00Z")
    return found


def check_subject(subject: str, known: Mapping[str, int]) -> int | None:
    """Return since when the tweet topic is counted, None for ALL. Raises UnknownSubjectError."""
    if subject == ALL:
        return None
    if subject not in known:
        raise UnknownSubjectError(subject, known)
    return known[subject]
