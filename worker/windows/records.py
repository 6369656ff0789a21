"""The names and values of the records that hold the windows of a partition on the checkpoint topic.

The key of such a record is the key of the partition's state, a bar and the name: `minute|N`, `hour|N`, `day|N` for the
counts of a period, `closed` for the list of the closed periods that are kept, and `windows`, which names the others.
The state has a record of its own, which workers of an earlier release and `import-state` write too: they leave the
windows as they are, and `windows` says to which commit these belong.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tweets.periods import UNITS, Cells, Period
from worker.counts import LARGEST_COUNT, is_count
from worker.windows.cells_json import flat, nested
from worker.windows.closed_periods import ClosedPeriods

CLOSED: Final = "closed"
"""The name of the record that lists the closed periods that are kept."""

WINDOWS: Final = "windows"
"""The name of the record with the summary of the windows, and with the commit that they belong to."""

RECORDS: Final = (
    (
        "",
        '`{"v":1,"counts":{"joy":3},"offset":9,"generation":2}`',
        "Position and running counts.",
    ),
    (
        WINDOWS,
        '`{"v":1,"commit":{…},"newest":1700000000000,"late":60,"keep":48,"complete_from":0,"open":[28333333],…}`',
        "The position and counts of the same commit (`commit`), the newest event time in Unix milliseconds (`newest`), "
        "`WINDOW_LATE_MINUTES` (`late`), `WINDOW_KEEP_HOURS` (`keep`), the first minute that lacks no tweet "
        "(`complete_from`), the open minutes (`open`), the open hours and days of which minutes have closed (`hours`, "
        "`days`), and the number of closed periods that are kept (`closed`). After a change of the two settings, also "
        "the Unix millisecond before which all minutes were closed (`reopened`), and the first minute that was kept "
        "(`minutes_from`).",
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
    """What the next owner of a partition needs of its windows, and which further records have the rest.

    `parts` are the open hours and days of which minutes have closed; their records have the sum of these minutes.
    `closed` is the number of closed periods that are kept: 0 if no record lists any.
    """

    late_minutes: int
    kept_hours: int
    newest_ms: int | None
    complete_from: int
    minutes: tuple[int, ...]
    parts: tuple[Period, ...]
    closed: int = 0
    reopened_ms: int | None = None
    minutes_from: int = 0

    def names(self) -> set[str]:
        """Return the names of the records that a restore needs."""
        listed = {CLOSED} if self.closed else set()
        return {name(Period("minute", number)) for number in self.minutes} | {*map(name, self.parts)} | listed

    def to_fields(self) -> dict[str, Any]:
        """Return the JSON object that `from_fields` reads."""
        fields = {
            "newest": self.newest_ms,
            "late": self.late_minutes,
            "keep": self.kept_hours,
            "complete_from": self.complete_from,
            "open": self.minutes,
            "hours": [period.number for period in self.parts if period.unit == "hour"],
            "days": [period.number for period in self.parts if period.unit == "day"],
            "closed": self.closed,
        }
        optional = {"reopened": self.reopened_ms, "minutes_from": self.minutes_from or None}
        return fields | {key: value for key, value in optional.items() if value is not None}

    @classmethod
    def from_fields(cls, fields: Any) -> "WindowSummary | None":
        """Return the summary in a JSON value; None if no worker can have written it."""
        if not isinstance(fields, Mapping):
            return None
        newest, reopened = fields.get("newest"), fields.get("reopened")
        lists: list[Any] = [fields.get(each) for each in ("open", "hours", "days")]
        counts: list[Any] = [fields.get(each) for each in ("late", "keep", "complete_from", "closed")]
        counts.append(fields.get("minutes_from", 0))
        if not all(is_count(each) for each in counts) or not all(
            each is None or _is_number(each) for each in (newest, reopened)
        ):
            return None
        if not all(isinstance(each, list) and all(map(_is_number, each)) for each in lists):
            return None
        minutes, hours, days = lists
        parts = [*(Period("hour", number) for number in hours), *(Period("day", number) for number in days)]
        late, keep, complete_from, closed, minutes_from = counts
        return cls(late, keep, newest, complete_from, tuple(minutes), tuple(parts), closed, reopened, minutes_from)


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
    return encode_fields({"counts": nested(cells)})


def decode_cells(value: bytes | None) -> Cells | None:
    """Return the counts in the value of a record; None if no worker can have written it, and of a deleted record."""
    fields = decode_fields(value)
    return None if fields is None else flat(fields.get("counts"))


def encode_closed(closed: ClosedPeriods) -> bytes:
    """Return the value of the record that lists the closed periods."""
    return encode_fields(closed.to_fields())


def decode_closed(value: bytes | None) -> ClosedPeriods | None:
    """Return the closed periods in the value of a record; None if no worker can have written it."""
    fields = decode_fields(value)
    if fields is None:
        return None
    fields.pop("v")
    return ClosedPeriods.from_fields(fields)


def encode_fields(fields: Mapping[str, Any]) -> bytes:
    """Return the value of a record that `decode_fields` reads."""
    return json.dumps({"v": _VERSION, **fields}, ensure_ascii=True, separators=(",", ":")).encode()


def decode_fields(value: bytes | None) -> dict[str, Any] | None:
    """Return the JSON object of a record of this version, else None."""
    try:
        fields = json.loads(value or b"")
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) and fields.get("v") == _VERSION else None


def _is_number(value: object) -> bool:
    return type(value) is int and abs(value) <= LARGEST_COUNT
