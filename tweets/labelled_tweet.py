"""The labelled tweet, a record on the output topic: the worker writes it, every program downstream reads it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import orjson

from tweets.headers import INPUT_TIMESTAMP, decimal, last
from tweets.reasons import BadRecordError
from tweets.records import Headers, OutputRecord, Record, max_wire_bytes
from tweets.replayed import replay_round
from tweets.subjects import SUBJECT_NAME
from tweets.tweet import Tweet


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledTweet:
    """A labelled tweet. The text beside each field describes the field; docs/reference.md is made from it."""

    id: Annotated[str, "The tweet's id, or `<topic>-<partition>-<offset>` of the input record."]
    text: Annotated[str, "The tweet's text, unchanged."]
    emotion: Annotated[str, "The label with the highest score; `neutral` if `neutral` is above `NEUTRAL_THRESHOLD`."]
    confidence: Annotated[float, "The score of `emotion`; the value of `neutral` if `emotion` is `neutral`."]
    scores: Annotated[Mapping[str, float], "Label → score from 0 to 1, six decimals; the softmax, so the sum is 1."]
    neutral: Annotated[
        float | None,
        "Probability from 0 to 1, six decimals, that the tweet shows none of the labels.",
        "number",
        "if the model has a neutral output",
    ] = None
    model: Annotated[str, "Identifier of the model that made the prediction."]
    classified_at: Annotated[str, "Time of the prediction, RFC 3339 in UTC with milliseconds."]
    created_at: Annotated[str | None, "The tweet's `created_at`, as RFC 3339."] = None
    label: Annotated[str | None, "The tweet's `label`, unchanged."] = None
    topics: Annotated[
        tuple[str, ...],
        "Names of the tweet topics of `TOPICS_FILE` that the text belongs to, in the order of the file.",
        "array of strings",
        "if the tweet belongs to one",
    ] = ()


class NotALabelledTweetError(ValueError):
    """The value of a record on the output topic is not a labelled tweet."""


class LabelledTweetWriter:
    """Writes the labelled tweets of one batch."""

    def __init__(self, *, topic: str, model: str, classified_at: str, max_bytes: int) -> None:
        """Take what all labelled tweets of the batch share, and the size of the largest record of `topic`."""
        self._topic = topic
        self._max_bytes = max_bytes
        self._shared = b'"model":%b,"classified_at":%b' % (orjson.dumps(model), orjson.dumps(classified_at))

    def write(self, tweet: Tweet, record: Record, prediction: bytes, subjects: tuple[str, ...] = ()) -> OutputRecord:
        """Return the labelled tweet as a record with key and headers of the input record, and INPUT_TIMESTAMP.

        `prediction` is what `json_members` returns, `subjects` are the tweet topics of the text. Raises BadRecordError
        if the output record would exceed `max_bytes` on the wire.
        """
        # orjson writes a string as json.dumps(…, ensure_ascii=False) does, in a tenth of the time.
        optional = b"" if tweet.created_at is None else b',"created_at":' + orjson.dumps(tweet.created_at)
        if tweet.label is not None:
            optional += b',"label":' + orjson.dumps(tweet.label)
        if subjects:
            optional += b',"topics":' + orjson.dumps(subjects)
        text = orjson.dumps(tweet.text)
        value = b'{"id":%b,"text":%b,%b,%b%b}' % (orjson.dumps(tweet.id), text, prediction, self._shared, optional)
        headers = _with_timestamp(record)
        size = max_wire_bytes(record.key, value, headers)
        if size > self._max_bytes:
            raise BadRecordError(
                "record_too_large", f"{size} bytes as a labelled tweet, topic {self._topic} takes {self._max_bytes}"
            )
        return OutputRecord(self._topic, record.partition.number, record.key, value, headers)


def decode(value: bytes | None) -> LabelledTweet:
    """Return the labelled tweet in the value of a record.

    Raises NotALabelledTweetError, whose text never quotes the value, for anything that a worker cannot have written:
    a missing field, a field of another type, a confidence, score or `neutral` outside 0 to 1, half a surrogate pair, an
    empty list of topics, a topic twice or with a name of another form.
    """
    try:
        fields = json.loads(value or b"")
        return LabelledTweet(
            id=_text(fields["id"]),
            text=_text(fields["text"]),
            emotion=_text(fields["emotion"]),
            confidence=_score(fields["confidence"]),
            scores={_text(label): _score(score) for label, score in fields["scores"].items()},
            neutral=_optional_score(fields.get("neutral")),
            model=_text(fields["model"]),
            classified_at=_text(fields["classified_at"]),
            created_at=_optional_text(fields.get("created_at")),
            label=_optional_text(fields.get("label")),
            topics=_subjects(fields["topics"]) if "topics" in fields else (),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotALabelledTweetError(f"not a labelled tweet ({type(error).__name__})") from None


def input_timestamp_ms(headers: Headers) -> int | None:
    """Return the timestamp of the input record in Unix milliseconds; None without a usable header.

    An input record may itself have a header of this name, from another worker: the last header is of the last worker.
    """
    return decimal(last(headers, INPUT_TIMESTAMP))


def first_timestamp_ms(record: Record) -> int | None:
    """Return the timestamp of the input record, of a replayed one that of the first record, in Unix milliseconds.

    `input_timestamp_ms` returns the same for the headers of the labelled tweet. None if neither is known.
    """
    if record.timestamp_ms >= 0 and not (record.headers and replay_round(record.headers)):
        return record.timestamp_ms
    known = input_timestamp_ms(record.headers)
    return record.timestamp_ms if known is None and record.timestamp_ms >= 0 else known


def _with_timestamp(record: Record) -> Headers:
    first_ms = first_timestamp_ms(record)
    if first_ms is None or first_ms != record.timestamp_ms:  # the headers have the timestamp, if anything has
        return record.headers
    return [*record.headers, (INPUT_TIMESTAMP, b"%d" % first_ms)]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a string")
    value.encode("utf-8")  # half a surrogate pair has no UTF-8 form: readers could not pass the text on
    return value


def _optional_text(value: object) -> str | None:
    return None if value is None else _text(value)


def _score(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("not a number from 0 to 1")
    return float(value)


def _optional_score(value: object) -> float | None:
    return None if value is None else _score(value)


def _subjects(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    names = tuple(map(_text, value))
    if not names or len(set(names)) < len(names) or not all(map(SUBJECT_NAME.fullmatch, names)):
        raise ValueError("not names of tweet topics")
    return names
