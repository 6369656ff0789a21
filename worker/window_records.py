"""The names and values of the records that hold the windows of a partition on the checkpoint topic.

The key of such a record is the key of the partition's state, a bar and the name: `minute|N`, `hour|N`, `day|N` for the
counts of a period, `closed` for the list of the closed periods that are kept. The state itself names the rest.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tweets.periods import UNITS, Cells, Period
from worker.closed_periods import ClosedPeriods
from worker.counts import LARGEST_COUNT, is_count

CLOSED: Final = "closed"
"""The name of the record that lists the closed periods that are kept."""

RECORDS: Final = (
    (
        "",
        '`{"v":1,"counts":{"joy":3},"offset":9,"generation":2,"windows":{…}}`',
        "Position and running counts. `windows` has the newest event time in Unix milliseconds (`newest`), "
        "`WINDOW_LATE_MINUTES` (`late`), the first minute that lacks no tweet (`complete_from`), the open minutes "
        "(`open`), the open hours and days of which minutes have closed (`hours`, `days`), and the number of closed "
        "periods that are kept (`closed`).",
    ),
    ("minute|N", '`{"v":1,"counts":{"":{"joy":3},"brand-x":{"joy":1}}}`', 'Counts of a minute; `""` is all tweets.'),
    ("hour|N", "the same", "The sum of the closed minutes of an hour."),
    ("day|N", "the same", "The sum of the closed minutes of a day."),
    (
        CLOSED,
        '`{"v":1,"minute":[28333333,60],"hour":[472222,1]}`',
        "The closed periods that are kept: for each unit the gap before a range of periods, and its length, in turn.",
    ),
)
"""Each kind of record on the checkpoint topic: the end of its key, its value and its meaning, for the reference."""

_VERSION: Final = 1
"""Version of the JSON in the records; records of another version are not read."""


@dataclass(frozen=True, slots=True)
class WindowSummary:
    """The field `windows` of a partition's state: what the next owner needs, and which further records have the rest.

    `parts` are the open hours and days of which minutes have closed; their records have the sum of these minutes.
    `closed` is the number of closed periods that are kept: 0 if no record lists any.
    """

    late_minutes: int
    newest_ms: int | None
    complete_from: int
    minutes: tuple[int, ...]
    parts: tuple[Period, ...]
    closed: int = 0
    reopened_ms: int | None = None

    def names(self) -> set[str]:
        """Return the names of the records that a restore needs."""
        listed = {CLOSED} if self.closed else set()
        return {name(Period("minute", number)) for number in self.minutes} | {*map(name, self.parts)} | listed

    def to_fields(self) -> dict[str, Any]:
        """Return the JSON object that `from_fields` reads."""
        fields = {
            "newest": self.newest_ms,
            "late": self.late_minutes,
            "complete_from": self.complete_from,
            "open": self.minutes,
            "hours": [period.number for period in self.parts if period.unit == "hour"],
            "days": [period.number for period in self.parts if period.unit == "day"],
            "closed": self.closed,
        }
        return fields if self.reopened_ms is None else fields | {"reopened": self.reopened_ms}

    @classmethod
    def from_fields(cls, fields: Any) -> "WindowSummary | None":
        """Return the summary in a JSON value; None if no worker can have written it."""
        if not isinstance(fields, Mapping):
            return None
        newest, reopened = fields.get("newest"), fields.get("reopened")
        lists: list[Any] = [fields.get(each) for each in ("open", "hours", "days")]
        counts: list[Any] = [fields.get(each) for each in ("late", "complete_from", "closed")]
        if not all(is_count(each) for each in counts) or not all(
            each is None or _is_number(each) for each in (newest, reopened)
        ):
            return None
        if not all(isinstance(each, list) and all(map(_is_number, each)) for each in lists):
            return None
        minutes, hours, days = lists
        parts = [*(Period("hour", number) for number in hours), *(Period("day", number) for number in days)]
        late, complete_from, closed = counts
        return cls(late, newest, complete_from, tuple(minutes), tuple(parts), closed, reopened)


def name(period: Period) -> str:
    """Return the name of the record with the counts of a period."""
    return f"{period.unit}|{period.number}"


def period_of(record: str) -> Period | None:
    """Return the period of a record's name; None if it is not the name of a period."""
    unit, _, number = record.partition("|")
    found = next((each for each in UNITS if each == unit), None)
    try:
        return None if found is None else Period(found, int(number))
    except ValueError:
        return None


def encode_cells(cells: Cells) -> bytes:
    """Return the value of the record with the counts of a period."""
    counts: dict[str, dict[str, int]] = {}
    for (subject, emotion), count in cells.items():
        counts.setdefault(subject, {})[emotion] = count
    return _encode({"counts": counts})


def decode_cells(value: bytes | None) -> Cells | None:
    """Return the counts in the value of a record; None if no worker can have written it, and of a deleted record."""
    fields = _decode(value)
    try:
        cells = {
            (str(subject), str(emotion)): count
            for subject, counts in fields["counts"].items()
            for emotion, count in counts.items()
        }
    except (TypeError, KeyError, AttributeError):
        return None
    return cells if all(map(is_count, cells.values())) else None


def encode_closed(closed: ClosedPeriods) -> bytes:
    """Return the value of the record that lists the closed periods."""
    return _encode(closed.to_fields())


def decode_closed(value: bytes | None) -> ClosedPeriods | None:
    """Return the closed periods in the value of a record; None if no worker can have written it."""
    fields = _decode(value)
    if not isinstance(fields, dict):
        return None
    fields.pop("v")
    return ClosedPeriods.from_fields(fields)


def _encode(fields: Mapping[str, Any]) -> bytes:
    return json.dumps({"v": _VERSION, **fields}, ensure_ascii=True, separators=(",", ":")).encode()


def _decode(value: bytes | None) -> Any:
    """Return the JSON object of a record of this version, else None."""
    try:
        fields = json.loads(value or b"")
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) and fields.get("v") == _VERSION else None


def _is_number(value: object) -> bool:
    return type(value) is int and abs(value) <= LARGEST_COUNT
