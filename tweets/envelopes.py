"""What producers and connectors put around a tweet: a byte order mark, a schema registry's frame, an envelope."""

import json
from collections.abc import Mapping
from typing import Any, Final

import orjson

from tweets.json_errors import json_error, json_type
from tweets.reasons import BadRecordError

_BOM: Final = b"\xef\xbb\xbf"

_USUAL_DEPTH: Final = 500
"""Objects and lists of a value that is surely not nested too deeply; a tweet as Twitter writes it has about 100."""

_FRAME_BYTES: Final = 5
"""Confluent's wire format: a byte 0 and four bytes with the id of the schema, before JSON, Avro or Protobuf."""


def usual_json_object(value: bytes) -> dict[str, Any] | None:
    """Return what `json_object` returns, four times as fast, or None for a value that `json_object` has to read.

    orjson refuses everything that is not plain JSON. Of an integer beyond 64 bits it makes a float.
    """
    if value.count(b"{") + value.count(b"[") > _USUAL_DEPTH:
        return None
    try:
        parsed = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) else None


def json_object(value: bytes) -> dict[str, Any]:
    """Return the JSON object in the value of a record. Raises BadRecordError where there is none."""
    try:
        parsed = _parsed(value)
    except BadRecordError as error:  # what follows costs the usual value nothing
        parsed = _parsed_without_prefix(value, error)
    if not isinstance(parsed, dict):
        raise BadRecordError("not_an_object", f"the value is a JSON {json_type(parsed)}")
    return parsed


def connect_payload(fields: Mapping[str, Any]) -> object:
    """Return the payload in the envelope of Kafka Connect's JsonConverter; `fields` themselves without an envelope."""
    return fields["payload"] if "payload" in fields and "schema" in fields else fields


def _parsed(value: bytes) -> Any:
    try:
        return _DECODER.decode(value.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadRecordError("not_utf8", f"invalid byte at position {error.start}") from None
    except (ValueError, RecursionError) as error:
        raise BadRecordError("not_json", json_error(error)) from None


def _parsed_without_prefix(value: bytes, error: BadRecordError) -> Any:
    """Return the JSON after a byte order mark or a frame. Raises BadRecordError with the reason of `error`."""
    if _is_utf16(value):
        raise error.explained("UTF-16 or UTF-32 instead of UTF-8") from None
    framed = value[:1] == b"\0" and len(value) >= _FRAME_BYTES
    body = (value[_FRAME_BYTES:] if framed else value).removeprefix(_BOM)
    if len(body) == len(value):
        raise error
    try:
        return _parsed(body)
    except BadRecordError:
        if not framed or body.lstrip().startswith(b"{"):
            raise
        raise error.explained("Avro or Protobuf frame of a schema registry; send JSON") from None


def _is_utf16(value: bytes) -> bool:
    """Return whether the value begins with a byte order mark of UTF-16 or UTF-32, or with ASCII in UTF-16."""
    first, second = value[:8:2], value[1:8:2]
    ascii_first, ascii_second = all(first) and not any(second), all(second) and not any(first)
    return (len(value) > 3 and (ascii_first or ascii_second)) or value.startswith(
        (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")
    )


def _bounded_int(digits: str) -> int | float:
    # Parsing an integer takes time quadratic in its digits; a number of thousands of digits is no meant integer.
    return int(digits) if len(digits) <= 40 else float(digits)


_DECODER: Final = json.JSONDecoder(parse_int=_bounded_int)
