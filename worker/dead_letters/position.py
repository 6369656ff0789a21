"""What replays have handled of a partition of the dead-letter topic, as one offset and its metadata.

An offset alone cannot say it: a replay with filters passes over dead letters that a later replay sends. The metadata of
the offset lists each selection of such replays with the offset that it has reached. What a selection selects never
changes, so every dead letter is sent once, whatever the order of the replays.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from worker.dead_letters.letter import Letter
from worker.dead_letters.selection import Selection

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Position:
    """Handled are all dead letters before `offset`, and those before `reached[selection]` that it selects."""

    offset: int = 0
    reached: Mapping[Selection, int] = field(default_factory=dict)

    def start(self, selection: Selection) -> int:
        """Return the offset at which a replay of this selection begins."""
        return max(self.offset, self.reached.get(selection, 0))

    def handled(self, letter: Letter) -> bool:
        """Return whether an earlier replay has handled the dead letter, at or after `offset`."""
        return any(letter.record.offset < end and each.selects(letter) for each, end in self.reached.items())

    def after(self, selection: Selection, end: int) -> "Position":
        """Return the position after a replay of this selection up to `end`, not included."""
        if selection.is_all:
            return Position(end, {each: reached for each, reached in self.reached.items() if reached > end})
        return Position(self.offset, {**self.reached, selection: end})

    def metadata(self) -> str:
        """Return the metadata of the committed offset; empty after replays without filters."""
        return _json({"v": _VERSION, "replayed": self._rows()}) if self.reached else ""

    def copy(self) -> bytes:
        """Return the value of the second copy, on the checkpoint topic: Kafka deletes offsets of an idle group."""
        return _json({"v": _VERSION, "offset": self.offset, "replayed": self._rows()}).encode()

    def _rows(self) -> list[list[Any]]:
        return [[list(each.reasons), each.since_ms, each.until_ms, end] for each, end in self.reached.items()]


def from_metadata(offset: int, metadata: str) -> Position:
    """Return the position of a committed offset; without metadata, all before the offset is handled.

    Raises ValueError for metadata that no replay has written.
    """
    return Position(offset, _reached(metadata)) if metadata else Position(offset)


def from_copy(value: bytes | None) -> Position:
    """Return the position in the value of the second copy. Raises ValueError for another value."""
    text = (value or b"").decode("utf-8", "replace")
    fields = _object(text)
    return Position(_offset(fields.get("offset")), _reached(text))


def _reached(text: str) -> dict[Selection, int]:
    fields = _object(text)
    rows = fields.get("replayed")
    if fields.get("v") != _VERSION or not isinstance(rows, list):
        raise ValueError("not the position of a replay")
    return dict(map(_row, rows))


def _row(row: Any) -> tuple[Selection, int]:
    if not isinstance(row, list) or len(row) != 4:
        raise ValueError("not a selection and its offset")
    reasons, since_ms, until_ms, end = row
    of_text = isinstance(reasons, list) and all(isinstance(each, str) for each in reasons)
    if not of_text or not all(each is None or type(each) is int for each in (since_ms, until_ms)):
        raise ValueError("not a selection")
    return Selection(tuple(reasons), since_ms, until_ms), _offset(end)


def _object(text: str) -> dict[str, Any]:
    try:
        fields = json.loads(text)
    except RecursionError:
        fields = None
    if not isinstance(fields, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004  # the text is wrong, not an argument of Python
    return fields


def _offset(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("not an offset")
    return value


def _json(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, separators=(",", ":"))
