"""A tweet, a record on the input topic: written by producers, read by the worker."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tweets.reasons import BadRecordError
from tweets.records import Record

MAX_VALUE_BYTES: Final = 1_048_576
"""Values larger than this are not parsed at all: JSON may expand to many times its size in memory."""


@dataclass(frozen=True, slots=True)
class Tweet:
    """A tweet: `created_at` is RFC 3339; `label` is the emotion that the tweet itself names, where it names one."""

    id: str
    text: str
    created_at: str | None = None
    label: str | None = None


def encode(tweet: Tweet) -> bytes:
    """Return the record's value, JSON in UTF-8; what UTF-8 cannot carry, half a surrogate pair, becomes `?`."""
    fields = {"id": tweet.id, "text": tweet.text, "created_at": tweet.created_at, "label": tweet.label}
    present = {name: value for name, value in fields.items() if value is not None}
    return json.dumps(present, ensure_ascii=False).encode("utf-8", "replace")


def decode(record: Record, *, max_chars: int) -> Tweet:
    """Read the tweet in a record's value.

    Raises BadRecordError with one of REASONS. Leaves out optional fields of a wrong type or form; ignores unknown ones.
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
        # A digit string of thousands of characters is no integer anybody meant, and parsing it takes quadratic time.
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
    # Only JSONDecodeError's own words: other texts could quote the tweet, which must stay out of headers and logs.
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
    """Return a text as the classifier takes it. Raises BadRecordError for a text that is too long or blank."""
    if len(text) > max_chars:
        raise BadRecordError("text_too_long", f"{len(text)} characters, at most {max_chars} are classified")
    # A lone surrogate has no UTF-8 form: neither the tokenizer nor the output record could carry it.
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
