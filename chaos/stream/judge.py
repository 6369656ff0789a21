"""Whether an output record is what its input record promises. Pure: the seed gives the input record."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from chaos.stream.tweets import FORCED, TWEET, FedRecord, TweetSource

INPUT_OFFSET: Final = "__connect.errors.offset"
REASON: Final = "__connect.errors.exception.message"
TRUNCATED: Final = "truncated"

UNREADABLE: Final = "unreadable"
"""The reason of a dead letter that has nothing of its input record but the offset."""

EXCUSED: Final = frozenset({"refused", "record_too_large"})
"""Reasons for which a tweet without a key, or a long one, may be a dead letter: a fault changes the output topic."""

_SURELY_FITS_BYTES: Final = 1_000
"""The labelled tweet of such an input record is smaller than the smallest limit that a fault sets."""

OutputHeaders = Sequence[tuple[str, bytes | None]]


class Arrived(NamedTuple):
    """A record of the output topic or of the dead-letter topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: OutputHeaders = ()


def json_object(value: bytes | None) -> Mapping[str, Any]:
    """Return the JSON object in a value; an empty one where there is none."""
    try:
        found = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def input_offset(letter: Arrived) -> int | None:
    """Return the offset of the input record that a dead letter names; None without a usable header."""
    content = dict(letter.headers).get(INPUT_OFFSET) or b""
    return int(content) if content.isdigit() else None


def reason(letter: Arrived) -> str:
    """Return the reason of a dead letter: the first word of its message."""
    return (dict(letter.headers).get(REASON) or b"").decode("utf-8", "replace").partition(":")[0]


class Judge:
    """Compares output records with the records that a seed gives."""

    def __init__(self, source: TweetSource) -> None:
        self._source = source

    def labelled(self, partition: int, number: int, record: Arrived, tweet: Mapping[str, Any]) -> str | None:
        """Return what is wrong with a labelled tweet, None if nothing is."""
        kind, text = self._source.expected(partition, number)
        name = f"{partition}-{number}"
        usual = kind == TWEET and not self._source.has_headers(kind, number)
        if usual and tweet.get("text") == text and tweet.get("id") == name and record.key == name.encode():
            return None
        fed = self._fed(partition, number, record)
        if fed.text is None:
            return "a record that is no tweet is labelled"
        if (tweet.get("id"), tweet.get("text")) != (name, fed.text):
            return "id or text differ from the input record"
        return _carried(fed, record)

    def dead_letter(self, partition: int, number: int, letter: Arrived, *, bomb: bool) -> str | None:
        """Return what is wrong with a dead letter; `bomb` says whether the input record was in a compressed bomb."""
        why = reason(letter)
        if why == UNREADABLE:
            return None if bomb else "a readable record is a dead letter as unreadable"
        fed = self._fed(partition, number, letter)
        cut = TRUNCATED in dict(letter.headers)
        if fed.text is None:
            wrong = _value_differs(fed.value or b"", letter.value or b"", cut=cut)
        elif why in EXCUSED and (fed.key is None or len(fed.value or b"") > _SURELY_FITS_BYTES):
            wrong = None if cut else _tweet_differs(f"{partition}-{number}", fed.text, letter.value)
        else:
            wrong = f"a tweet is a dead letter as {why!r}"
        return wrong or (None if cut else _carried(fed, letter))

    def _fed(self, partition: int, number: int, record: Arrived) -> FedRecord:
        forced = dict(record.headers).get(FORCED)
        return self._source.record(
            partition, number, forced=None if forced is None else forced.decode("utf-8", "replace")
        )


def _carried(fed: FedRecord, record: Arrived) -> str | None:
    """Return what is wrong with the key and the headers, which an output record has of its input record."""
    if record.key != fed.key:
        return "the key differs from the input record"
    carried = {(name, content or b"") for name, content in record.headers}
    if not {(name, content or b"") for name, content in fed.headers} <= carried:
        return "headers of the input record are missing"
    return None


def _value_differs(fed: bytes, found: bytes, *, cut: bool) -> str | None:
    same = fed.startswith(found) if cut else fed == found
    return None if same else "the value differs from the input record"


def _tweet_differs(name: str, text: str, value: bytes | None) -> str | None:
    """Compare a dead letter that is a whole tweet, whose date is not known here."""
    try:
        found = json.loads(value or b"", parse_int=str)  # orjson refuses some tweets that a worker reads
        same = found["id"] == name and found["text"].encode("utf-8", "replace") == text.encode()
    except (ValueError, TypeError, KeyError, AttributeError):
        same = False
    return None if same else "id or text differ from the input record"
