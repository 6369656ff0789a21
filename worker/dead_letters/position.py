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
class ReplayPosition:
    """Handled are all dead letters before `offset`, and those before `reached[selection]` that it selects.

    `topic_id` is the id of the dead-letter topic: a topic that was created again has another id. Empty if the broker
    gives no ids.
    """

    offset: int = 0
    reached: Mapping[Selection, int] = field(default_factory=dict)
    topic_id: str = ""

    def start(self, selection: Selection) -> int:
        """Return the offset at which a replay of this selection begins."""
        return max(self.offset, self.reached.get(selection, 0))

    def handled(self, letter: Letter) -> bool:
        """Return whether an earlier replay has handled the dead letter, at or after `offset`."""
        return any(letter.record.offset < end and each.selects(letter) for each, end in self.reached.items())

    def after(self, selection: Selection, end: int) -> "ReplayPosition":
        """Return the position after a replay of this selection up to `end`, not included."""
        if selection.is_all:
            later = {each: reached for each, reached in self.reached.items() if reached > end}
            return ReplayPosition(end, later, self.topic_id)
        return ReplayPosition(self.offset, {**self.reached, selection: end}, self.topic_id)

    def metadata(self) -> str:
        """Return the metadata of the committed offset; empty without a topic id and without filters."""
        return _json(self._fields()) if self.reached or self.topic_id else ""

    def copy(self) -> bytes:
        """Return the value of the second copy, on the checkpoint topic: Kafka deletes offsets of an idle group."""
        return _json({"v": _VERSION, "offset": self.offset, **self._fields()}).encode()

    def _fields(self) -> dict[str, Any]:
        rows = [[list(each.reasons), each.since_ms, each.until_ms, end] for each, end in self.reached.items()]
        return {"v": _VERSION, **({"topic": self.topic_id} if self.topic_id else {}), "replayed": rows}


def from_metadata(offset: int, metadata: str) -> ReplayPosition:
    """Return the position of a committed offset; without metadata, all before the offset is handled.

    Raises ValueError for metadata that no replay has written.
    """
    return _position(offset, _object(metadata)) if metadata else ReplayPosition(offset)


def from_copy(value: bytes | None) -> ReplayPosition:
    """Return the position in the value of the second copy. Raises ValueError for another value."""
    fields = _object((value or b"").decode("utf-8", "replace"))
    return _position(_offset(fields.get("offset")), fields)


def _position(offset: int, fields: Mapping[str, Any]) -> ReplayPosition:
    rows, topic_id = fields.get("replayed"), fields.get("topic", "")
    if fields.get("v") != _VERSION or not isinstance(rows, list) or not isinstance(topic_id, str):
        raise ValueError("not the position of a replay")
    return ReplayPosition(offset, dict(map(_row, rows)), topic_id)


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
