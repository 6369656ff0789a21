"""Times in RFC 3339, read and written here only; the times of tweets may have other forms, which are read here too."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)  # RFC 3339, section 5.6

_TWITTER: Final = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d) (\d{4})",
    re.ASCII,
)  # "Wed Oct 10 20:19:24 +0000 2018"; strptime would take the names from the machine's language
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_NUMBER: Final = re.compile(r"\d{10}(\.\d{1,9})?|\d{13}", re.ASCII)

# Seconds have ten digits from 2001 to 2286, and milliseconds thirteen. A number of another length is no time of a
# tweet: eight digits are a date such as 20181010, sixteen are microseconds.
_SECONDS: Final = (10**9, 10**10)
_MILLISECONDS: Final = (10**12, 10**13)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

RFC3339_LAST_MS: Final = 253_402_300_799_999
"""The last millisecond of the year 9999, after which RFC 3339 has no form."""


def rfc3339_ms(at_ms: int) -> str:
    """Return a time in Unix milliseconds as RFC 3339 in UTC, with milliseconds."""
    return _written(_EPOCH + timedelta(milliseconds=at_ms), "milliseconds")


def rfc3339_s(at_s: int) -> str:
    """Return a time in Unix seconds as RFC 3339 in UTC, without a fraction."""
    return _written(_EPOCH + timedelta(seconds=at_s), "seconds")


def unix_ms(text: str) -> int | None:
    """Return a time in RFC 3339 in Unix milliseconds, rounded down; None for anything else."""
    if _RFC3339.fullmatch(text) is None:
        return None
    try:
        since = datetime.fromisoformat(text.upper().replace(" ", "T")) - _EPOCH
    except ValueError:  # there is no such month, day or hour
        return None
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def as_rfc3339(value: object) -> str | None:
    """Return the time in RFC 3339, or None for anything that is no time.

    A value in RFC 3339 is returned unchanged; other times are written in UTC, with milliseconds where there are any.
    """
    try:
        if isinstance(value, str):
            return _from_text(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _from_number(value)
    except (ValueError, OverflowError):  # there is no such month or day, or none in UTC
        return None
    return None


def _from_text(value: str) -> str | None:
    if unix_ms(value) is not None:
        return value
    if found := _TWITTER.fullmatch(value):
        month, day, hour, minute, second, sign, hours, minutes, year = found.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes))
        zone = timezone(-offset if sign == "-" else offset)
        number = _MONTHS.index(month) + 1
        return _shortest(datetime(int(year), number, int(day), int(hour), int(minute), int(second), tzinfo=zone))
    return _from_number(float(value)) if _NUMBER.fullmatch(value) else None


def _from_number(value: float) -> str | None:
    if _SECONDS[0] <= value < _SECONDS[1]:
        return _shortest(datetime.fromtimestamp(value, UTC))
    if _MILLISECONDS[0] <= value < _MILLISECONDS[1]:
        return _shortest(datetime.fromtimestamp(value / 1000, UTC))
    return None


def _shortest(moment: datetime) -> str:
    return _written(moment, "milliseconds" if moment.microsecond >= 1000 else "seconds")


def _written(moment: datetime, precision: str) -> str:
    return moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")
