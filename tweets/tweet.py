"""The tweet, a record on the input topic: producers write it, the worker reads it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from tweets.envelopes import json_object, usual_json_object
from tweets.reasons import BadRecordError
from tweets.records import Partition, Record
from tweets.replayed import TWEET_ID, kept_id
from tweets.timestamps import as_rfc3339
from tweets.tweet_object import tweet_object, whole_text

MAX_VALUE_BYTES: Final = 1_048_576
"""Larger values are not parsed: in memory JSON may take many times its size."""


@dataclass(slots=True)  # not frozen, see tweets/records.py
class Tweet:
    """A tweet. The text beside each field describes the field of the record; docs/reference.md is made from it."""

    id: Annotated[
        str,
        f"Identifier; `id_str` wins over `id`. A tweet without both gets the header `{TWEET_ID}` of a replayed record, "
        "else `<topic>-<partition>-<offset>` of the record.",
        "string or integer",
    ]
    text: Annotated[str, "The text, at most `TWEET_MAX_CHARS` characters, with at least one visible character."]
    created_at: Annotated[
        str | None,
        "Time of the tweet: RFC 3339, Twitter's `Wed Oct 10 20:19:24 +0000 2018`, Unix seconds (ten digits) or Unix "
        "milliseconds (thirteen). A value in another form is left out.",
        "string or number",
    ] = None
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
    fields, found = _objects(_checked_value(record))
    return Tweet(
        id=_tweet_id(fields, record),
        text=checked_text(whole_text(fields, found), max_chars=max_chars),
        created_at=as_rfc3339(fields.get("created_at")),
        label=_text_or_none(fields.get("label")),
    )


def own_id(value: bytes | None) -> str | None:
    """Return the id in the value of a record; None for a value without an id, or without JSON that is read."""
    if value is None or len(value) > MAX_VALUE_BYTES:
        return None
    try:
        return _own_id(_objects(value)[0])
    except BadRecordError:
        return None


def _objects(value: bytes) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the object that has the tweet's fields, and the object of the whole record, which may be the same."""
    found = usual_json_object(value)
    fields = {} if found is None else tweet_object(found)
    if found is None or isinstance(fields.get("id"), float):  # an id may have more digits than orjson reads
        found = json_object(value)
        fields = tweet_object(found)
    return fields, found


def _checked_value(record: Record) -> bytes:
    if record.unreadable is not None:
        raise BadRecordError("unreadable", record.unreadable)
    if record.value is None:
        raise BadRecordError("null_value", "the record has no value")
    if len(record.value) > MAX_VALUE_BYTES:
        raise BadRecordError("record_too_large", f"{len(record.value)} bytes, at most {MAX_VALUE_BYTES} are read")
    return record.value


def checked_text(text: str, *, max_chars: int) -> str:
    """Return the text in the form that the classifier takes.

    Raises BadRecordError for a blank text and for a text of more than `max_chars` characters.
    """
    if len(text) > max_chars:
        raise BadRecordError("text_too_long", f"{len(text)} characters, at most {max_chars} are classified")
    text = _with_utf8_form(text)
    if not text.strip() or not _VISIBLE.search(text):
        raise BadRecordError("blank_text", "nothing but blank characters")
    return text


_VISIBLE: Final = re.compile(r"[^\s\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\u00ad\x00-\x1f\x7f]")


def _tweet_id(fields: Mapping[str, Any], record: Record) -> str:
    return _own_id(fields) or kept_id(record.headers) or place_id(record.partition, record.offset)


def place_id(partition: Partition, offset: int) -> str:
    """Return the id of a tweet that has none: the place of its first record."""
    return f"{partition.topic}-{partition.number}-{offset}"


def _own_id(fields: Mapping[str, Any]) -> str | None:
    # Twitter's `id` is a number above 2**53, which many programs round; `id_str` is exact.
    value = _text_or_none(fields.get("id_str")) or fields.get("id")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _text_or_none(value)


def _text_or_none(value: object) -> str | None:
    return _with_utf8_form(value) if isinstance(value, str) and value else None


def _with_utf8_form(text: str) -> str:
    # Half a surrogate pair has no UTF-8 form: tokenizer and output record would fail on it.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
