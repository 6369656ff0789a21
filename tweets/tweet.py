"""The tweet, a record on the input topic: producers write it, the worker reads it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from tweets.reasons import BadRecordError
from tweets.records import Record

MAX_VALUE_BYTES: Final = 1_048_576
"""Larger values are not parsed: in memory JSON may take many times its size."""


@dataclass(frozen=True, slots=True)
class Tweet:
    """A tweet. The text beside each field describes the field of the record; docs/reference.md is made from it."""

    id: Annotated[
        str,
        "Identifier. A tweet without an id gets `<topic>-<partition>-<offset>` of the record.",
        "string or integer",
    ]
    text: Annotated[str, "The text, at most `TWEET_MAX_CHARS` characters, with at least one visible character."]
    created_at: Annotated[str | None, "Time of the tweet in RFC 3339. A value in another form is left out."] = None
    label: Annotated[
        str | None, "True emotion, if known. The prediction does not use the label; confusion counts do."
    ] = None


def encode(tweet: Tweet) -> bytes:
    """Return the value of the record, JSON in UTF-8. Half a surrogate pair has no UTF-8 form and becomes `?`."""
    fields = {"id": tweet.id, "text": tweet.text, "created_at": tweet.created_at, "label": tweet.label}
    present = {name: value for name, value in fields.items() if value is not None}
    return json.dumps(present, ensure_ascii=False).encode("utf-8", "replace")


def decode(record: Record, *, max_chars: int) -> Tweet:
    """Return the tweet in the value of a record.

    Optional fields of a wrong type or form are left out, unknown fields are ignored. Raises BadRecordError with one of
    REASONS for a record that has no usable text of at most `max_chars` characters.
    """
    fields = _parse_object(_checked_value(record))
    return Tweet(
        id=_tweet_id(fields.get("id"), record),
        text=_text_field(fields, max_chars),
        created_at=_rfc3339(fields.get("created_at")),
        label=_text_or_none(fields.get("label")),
    )


def _checked_value(record: Record) -> bytes:
    if record.unreadable is not None:
        raise BadRecordError("unreadable", record.unreadable)
    if record.value is None:
        raise BadRecordError("null_value", "the record has no value")
    if len(record.value) > MAX_VALUE_BYTES:
        raise BadRecordError("record_too_large", f"{len(record.value)} bytes, at most {MAX_VALUE_BYTES} are read")
    return record.value


def _parse_object(value: bytes) -> dict[str, Any]:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRecordError("not_utf8", f"invalid byte at position {error.start}") from None
    try:
        # Parsing an integer takes time quadratic in its digits; a number of thousands of digits is no meant integer.
        parsed = json.loads(text, parse_int=_bounded_int)
    except RecursionError:
        raise BadRecordError("not_json", "nested too deeply") from None
    except ValueError as error:
        raise BadRecordError("not_json", _json_error(error)) from None
    if not isinstance(parsed, dict):
        raise BadRecordError("not_an_object", f"the value is a JSON {_json_type(parsed)}")
    return parsed


def _bounded_int(digits: str) -> int | float:
    return int(digits) if len(digits) <= 40 else float(digits)


def _json_error(error: ValueError) -> str:
    # Other errors may quote the tweet, which must not appear in headers and logs; JSONDecodeError does not.
    return f"{error.msg} at character {error.pos}" if isinstance(error, json.JSONDecodeError) else "invalid number"


def _json_type(value: object) -> str:
    names = {list: "list", str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def _text_field(fields: Mapping[str, Any], max_chars: int) -> str:
    text = fields.get("text")
    if not isinstance(text, str):
        raise BadRecordError(
            "no_text", "no field text" if "text" not in fields else f"text is a JSON {_json_type(text)}"
        )
    return checked_text(text, max_chars=max_chars)


def checked_text(text: str, *, max_chars: int) -> str:
    """Return the text in the form that the classifier takes.

    Raises BadRecordError for a blank text and for a text of more than `max_chars` characters.
    """
    if len(text) > max_chars:
        raise BadRecordError("text_too_long", f"{len(text)} characters, at most {max_chars} are classified")
    # Half a surrogate pair has no UTF-8 form: tokenizer and output record would fail on it.
    text = text.encode("utf-8", "replace").decode("utf-8")
    if not text.strip() or not _VISIBLE.search(text):
        raise BadRecordError("blank_text", "nothing but blank characters")
    return text


_VISIBLE: Final = re.compile(r"[^\s\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\u00ad\x00-\x1f\x7f]")


def _tweet_id(value: object, record: Record) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _text_or_none(value) or f"{record.partition.topic}-{record.partition.number}-{record.offset}"


def _text_or_none(value: object) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    return value.encode("utf-8", "replace").decode("utf-8")


_RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)  # RFC 3339, section 5.6


def _rfc3339(value: object) -> str | None:
    if not isinstance(value, str) or not _RFC3339.fullmatch(value):
        return None
    try:
        datetime.fromisoformat(value.upper().replace(" ", "T"))
    except ValueError:
        return None
    return value
