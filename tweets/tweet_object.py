"""Where a tweet is in the JSON of a record, and its whole text: objects of Twitter and of connectors."""

from collections import deque
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from tweets.envelopes import connect_payload
from tweets.json_errors import json_type
from tweets.reasons import BadRecordError

_MORE_TEXT: Final = frozenset({"extended_tweet", "full_text", "note_tweet", "retweeted_status"})
"""The fields of a tweet in which there may be more of the text than in `text`."""

_NO_TEXTS: Final = frozenset({"id", "id_str", "label", "created_at", "lang", "source"})
"""Fields that are never meant as the text."""

_NAME_CHARS: Final = 100
"""Characters of field names that an error shows: a record may have names of a million characters."""

_FIELDS_SEARCHED: Final = 1_000
"""Fields that are looked at for a text under another name: a record may have a hundred thousand."""


def tweet_object(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the object that has the text, and with it `id`, `created_at` and `label`.

    This is the record's own object, the payload in an envelope of Kafka Connect, or the object `data` of Twitter's
    second interface, in an envelope or without.
    """
    if _has_text(record):
        return record
    payload = connect_payload(record)
    found = payload if isinstance(payload, dict) else record
    data = found.get("data")
    return data if isinstance(data, dict) and not _has_text(found) else found


def whole_text(tweet: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """Return the text of the tweet, the whole text where `text` is cut.

    Raises BadRecordError if there is none; its detail names what `record` has instead.
    """
    text = tweet.get("text")
    if not _MORE_TEXT.isdisjoint(tweet):
        text = _longest_form(tweet)
    if not isinstance(text, str):
        raise BadRecordError("no_text", _found_instead(tweet, record))
    return text


def _has_text(fields: Mapping[str, Any]) -> bool:
    return "text" in fields or not _MORE_TEXT.isdisjoint(fields)


def _longest_form(tweet: Mapping[str, Any]) -> object:
    """Return the text as Twitter's interfaces write it: in full where `text` is cut, and the original of a cut retweet.

    A retweet has a text of its own, "RT @user: " and the beginning of the original; an ellipsis is where it is cut.
    """
    text = _full_text(tweet) or tweet.get("text")
    original = tweet.get("retweeted_status")
    cut = (
        not isinstance(text, str)
        or text.rstrip().endswith("…")
        or (text is tweet.get("text") and tweet.get("truncated"))
    )
    if isinstance(original, dict) and cut:
        return _full_text(original) or original.get("text") or text
    return text


def _full_text(tweet: Mapping[str, Any]) -> str | None:
    extended, note = tweet.get("extended_tweet"), tweet.get("note_tweet")
    found = (
        extended.get("full_text") if isinstance(extended, dict) else None,
        tweet.get("full_text"),
        note.get("text") if isinstance(note, dict) else None,
    )
    return next((text for text in found if isinstance(text, str) and text), None)


def _found_instead(tweet: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """Return what a record without a text has: names and types of fields, never a value."""
    if "text" in tweet:
        return f"text is a JSON {json_type(tweet['text'])}"
    payload = connect_payload(record)
    if not isinstance(payload, dict):
        return f"no text; payload is a JSON {json_type(payload)}"
    prefix = "" if payload is record else "payload."
    texts = [(len(value), path) for path, value in _fields(payload, prefix) if isinstance(value, str)]
    if texts:
        return f"no text; there is a field {_shown(max(texts)[1])}"
    names = ", ".join(islice(payload, _NAME_CHARS))
    return f"no text; the fields are {_shown(names)}" if names else "no text; the object is empty"


def _fields(fields: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield path and value of the fields that may be a text, the outer ones first; a list counts as its first item."""
    waiting, left = deque([(prefix, fields)]), _FIELDS_SEARCHED
    while waiting and left > 0:
        prefix, inner = waiting.popleft()
        for name, item in islice(inner.items(), left):
            left -= 1
            path = f"{prefix}{name[: _NAME_CHARS + 1]}"[: _NAME_CHARS + 1]
            path, value = (f"{path}[0]", item[0]) if isinstance(item, list) and item else (path, item)
            if isinstance(value, dict):
                waiting.append((f"{path}.", value))
            elif name not in _NO_TEXTS:
                yield path, value


def _shown(names: str) -> str:
    """Return names in one printable line of at most _NAME_CHARS characters."""
    printable = "".join(char if char.isprintable() else "?" for char in names[: _NAME_CHARS + 1])
    return printable if len(printable) <= _NAME_CHARS else f"{printable[: _NAME_CHARS - 1]}…"
