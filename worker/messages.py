"""The records on the topics: tweets in, labelled tweets and dead letters out. Pure functions."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from worker.errors import BadMessage

EMOTIONS: Final = ("sadness", "joy", "love", "anger", "fear", "surprise")
"""The default labels, ids 0 to 5, in the order of the dair-ai/emotion data set."""

REASONS: Final = (
    "not_utf8",
    "not_json",
    "not_an_object",
    "no_text",
    "blank_text",
    "text_too_long",
    "record_too_large",
    "null_value",
    "unreadable",
    "classifier_failed",
)
"""Why a record becomes a dead letter; a dead letter's exception.message begins with one of these."""

MAX_VALUE_BYTES: Final = 1_048_576
"""Values larger than this are not parsed at all: JSON may expand to many times its size in memory."""

Headers = Sequence[tuple[str, bytes | None]]


class Partition(NamedTuple):
    """A topic's partition."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.number}]"


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was fetched; `timestamp_ms` is its Kafka timestamp in Unix milliseconds."""

    partition: Partition
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    unreadable: str | None = None  # why the client could not read it; key, value and headers are unknown then

    @property
    def size_bytes(self) -> int:
        """Bytes of key and value."""
        return len(self.key or b"") + len(self.value or b"")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to be published; it goes to the partition number that its input came from."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Prediction:
    """A text's label: `scores` is the softmax over all labels (sum 1), `emotion` and `confidence` its maximum."""

    emotion: str
    confidence: float
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Tweet:
    """A decoded tweet: what the classifier needs and what the labelled tweet carries on."""

    id: str
    text: str
    created_at: str | None = None
    label: str | None = None


def decode(record: Record, *, max_chars: int) -> Tweet:
    """Reads a tweet out of a record's value.

    Raises BadMessage with one of REASONS. Optional fields of a wrong type or form are left out, unknown ones ignored.
    """
    fields = _parse_object(_checked_value(record))
    return Tweet(
        id=_tweet_id(fields.get("id"), record),
        text=_checked_text(fields, max_chars),
        created_at=_rfc3339(fields.get("created_at")),
        label=_text_or_none(fields.get("label")),
    )


def _checked_value(record: Record) -> bytes:
    if record.unreadable is not None:
        raise BadMessage("unreadable", record.unreadable)
    if record.value is None:
        raise BadMessage("null_value", "the record has no value")
    if len(record.value) > MAX_VALUE_BYTES:
        raise BadMessage("record_too_large", f"{len(record.value)} bytes, at most {MAX_VALUE_BYTES} are read")
    return record.value


def _parse_object(value: bytes) -> dict[str, Any]:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadMessage("not_utf8", f"invalid byte at position {error.start}") from None
    try:
        # A digit string of thousands of characters is no integer anybody meant, and parsing it takes quadratic time.
        parsed = json.loads(text, parse_int=_bounded_int)
    except RecursionError:
        raise BadMessage("not_json", "nested too deeply") from None
    except ValueError as error:
        raise BadMessage("not_json", _json_error(error)) from None
    if not isinstance(parsed, dict):
        raise BadMessage("not_an_object", f"the value is a JSON {_json_type(parsed)}")
    return parsed


def _bounded_int(digits: str) -> int | float:
    return int(digits) if len(digits) <= 40 else float(digits)


def _json_error(error: ValueError) -> str:
    # Only JSONDecodeError's own words: other texts could quote the tweet, which must stay out of headers and logs.
    return f"{error.msg} at character {error.pos}" if isinstance(error, json.JSONDecodeError) else "invalid number"


def _json_type(value: object) -> str:
    names = {list: "list", str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def _checked_text(fields: Mapping[str, Any], max_chars: int) -> str:
    text = fields.get("text")
    if not isinstance(text, str):
        raise BadMessage("no_text", "no field text" if "text" not in fields else f"text is a JSON {_json_type(text)}")
    if len(text) > max_chars:
        raise BadMessage("text_too_long", f"{len(text)} characters, at most {max_chars} are classified")
    # A lone surrogate has no UTF-8 form: neither the tokenizer nor the output record could carry it.
    text = text.encode("utf-8", "replace").decode("utf-8")
    if not text.strip() or not _VISIBLE.search(text):
        raise BadMessage("blank_text", "nothing but blank characters")
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


def labelled_tweet(
    tweet: Tweet, record: Record, prediction: Prediction, *, topic: str, model: str, classified_at: str, max_bytes: int
) -> Outgoing:
    """The labelled tweet, under its input's key and headers. Scores are rounded to six digits.

    Raises BadMessage if it would exceed `max_bytes` on the wire.
    """
    fields: dict[str, Any] = {
        "id": tweet.id,
        "text": tweet.text,
        "emotion": prediction.emotion,
        "confidence": round(prediction.confidence, 6),
        "scores": {name: round(score, 6) for name, score in prediction.scores.items()},
        "model": model,
        "classified_at": classified_at,
    }
    if tweet.created_at is not None:
        fields["created_at"] = tweet.created_at
    if tweet.label is not None:
        fields["label"] = tweet.label
    value = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    size = _wire_bytes(record.key, value, record.headers)
    if size > max_bytes:
        raise BadMessage("record_too_large", f"{size} bytes with its label, topic {topic} takes {max_bytes}")
    return Outgoing(topic, record.partition.number, record.key, value, record.headers)


def rfc3339_now() -> str:
    """The current time in UTC with milliseconds, as RFC 3339 writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def dead_letter(record: Record, error: BadMessage, *, topic: str, max_bytes: int) -> Outgoing:
    """The original record with headers in Kafka Connect's convention (KIP-298) that say why it stands here.

    A record that would exceed `max_bytes` on the wire loses first the end of its value, then its own headers and key,
    and gets the header `truncated: true`.
    """
    why: list[tuple[str, bytes | None]] = [
        ("__connect.errors.topic", record.partition.topic.encode()),
        ("__connect.errors.partition", str(record.partition.number).encode()),
        ("__connect.errors.offset", str(record.offset).encode()),
        ("__connect.errors.stage", _stage(error.reason).encode()),
        ("__connect.errors.class.name", f"{__name__}.decode".encode()),
        ("__connect.errors.exception.class.name", f"{type(error).__module__}.{type(error).__qualname__}".encode()),
        ("__connect.errors.exception.message", str(error).encode()),
    ]
    headers = [*record.headers, *why]
    key, value = record.key, record.value
    room = max_bytes - _wire_bytes(key, b"", headers)
    if len(value or b"") > room:
        why.append(("truncated", b"true"))
        room -= _wire_bytes(None, b"", [("truncated", b"true")])
        headers = [*record.headers, *why]
        if room < 0:
            key, headers = None, why
            room = max_bytes - _wire_bytes(None, b"", why)
        value = (value or b"")[: max(0, room)]
    return Outgoing(topic, record.partition.number, key, value, headers)


def _stage(reason: str) -> str:
    return {"classifier_failed": "TRANSFORMATION", "unreadable": "CONSUME"}.get(reason, "VALUE_CONVERTER")


def _wire_bytes(key: bytes | None, value: bytes, headers: Headers) -> int:
    """An upper bound of a record's bytes in a batch of its own (61 bytes of batch header, varints of up to 10)."""
    body = sum(len(name.encode()) + len(content or b"") + 10 for name, content in headers)
    return 61 + 40 + len(key or b"") + len(value) + body
