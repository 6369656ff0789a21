"""The labelled tweet: what the worker writes is what every reader reads."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import PARTITION, a_prediction, a_record
from tests.tweets.wire import HEADERS, bytes_on_the_wire
from tweets.emotions import EMOTIONS
from tweets.labelled_tweet import (
    LabelledTweet,
    LabelledTweetWriter,
    NotALabelledTweetError,
    decode,
    input_timestamp_ms,
)
from tweets.prediction import Prediction
from tweets.reasons import BadRecordError
from tweets.records import Headers, OutputRecord, Record
from tweets.tweet import Tweet


def _labelled(
    tweet: Tweet, record: Record, *, max_bytes: int = 1_000_000, neutral: float | None = None
) -> OutputRecord:
    prediction = replace(a_prediction(), neutral=neutral)
    return a_writer(max_bytes).write(tweet, record, prediction.json_members())


def a_writer(max_bytes: int) -> LabelledTweetWriter:
    return LabelledTweetWriter(topic="out", model="m1", classified_at="2024-05-01T00:00:00.000Z", max_bytes=max_bytes)


def test_a_labelled_tweet_has_the_fields_of_the_contract() -> None:
    outgoing = _labelled(Tweet("t1", "ça va 😀", "2024-05-01T12:30:00Z", "joy"), a_record())
    fields = json.loads(outgoing.value or b"")
    assert list(fields) == [
        "id", "text", "emotion", "confidence", "scores", "model", "classified_at", "created_at", "label",
    ]  # fmt: skip
    assert fields["id"] == "t1"
    assert fields["text"] == "ça va 😀"
    assert fields["emotion"] == "joy"
    assert fields["confidence"] == 0.5
    assert fields["model"] == "m1"
    assert fields["classified_at"] == "2024-05-01T00:00:00.000Z"
    assert fields["created_at"] == "2024-05-01T12:30:00Z"
    assert fields["label"] == "joy"
    assert list(fields["scores"]) == list(EMOTIONS)
    assert sum(fields["scores"].values()) == pytest.approx(1, abs=1e-5)


def test_a_field_that_the_tweet_lacks_is_left_out() -> None:
    fields = json.loads(_labelled(Tweet("t1", "a"), a_record()).value or b"")
    assert "created_at" not in fields
    assert "label" not in fields


def test_the_probability_of_neutral_has_six_decimals_after_the_scores() -> None:
    written = _labelled(Tweet("t1", "a"), a_record(), neutral=0.123_456_789)
    fields = json.loads(written.value or b"")
    assert list(fields) == ["id", "text", "emotion", "confidence", "scores", "neutral", "model", "classified_at"]
    assert fields["neutral"] == 0.123457
    assert decode(written.value).neutral == 0.123457


def test_a_labelled_tweet_of_a_model_without_a_neutral_output_has_no_field_neutral() -> None:
    written = _labelled(Tweet("t1", "a"), a_record())
    assert "neutral" not in json.loads(written.value or b"")
    assert decode(written.value).neutral is None


def test_the_tweet_topics_are_the_last_field_and_are_read_back() -> None:
    tweet, members = Tweet("t1", "a", None, "joy"), a_prediction().json_members()
    without = a_writer(10_000).write(tweet, a_record(), members)
    written = a_writer(10_000).write(tweet, a_record(), members, ("pets", "brand-x"))
    assert written.value == (without.value or b"")[:-1] + b',"topics":["pets","brand-x"]}'
    assert decode(written.value).topics == ("pets", "brand-x")
    assert decode(without.value).topics == ()


def test_key_headers_and_partition_number_are_kept() -> None:
    headers = [("trace", b"\x00\xff"), ("empty", b""), ("none", None), ("trace", b"again")]
    outgoing = _labelled(Tweet("t1", "a"), a_record(key=b"\xff\x00", headers=headers))
    assert (outgoing.topic, outgoing.partition) == ("out", PARTITION.number)
    assert (outgoing.key, outgoing.headers[:-1]) == (b"\xff\x00", headers)


def test_the_timestamp_of_the_input_record_is_the_last_header_in_unix_milliseconds() -> None:
    outgoing = _labelled(Tweet("t1", "a"), a_record(headers=[("trace", b"1")], timestamp_ms=1_539_202_764_123))
    assert outgoing.headers[-1] == ("emotion.input.timestamp", b"1539202764123")
    assert input_timestamp_ms(outgoing.headers) == 1_539_202_764_123


def test_a_timestamp_header_that_the_input_record_brings_is_kept_before_the_own_one() -> None:
    brought = ("emotion.input.timestamp", b"5")
    outgoing = _labelled(Tweet("t1", "a"), a_record(headers=[brought], timestamp_ms=7))
    assert list(outgoing.headers) == [brought, ("emotion.input.timestamp", b"7")]
    assert input_timestamp_ms(outgoing.headers) == 7


def test_an_input_record_without_a_timestamp_gives_no_header() -> None:
    assert _labelled(Tweet("t1", "a"), a_record(headers=[("h", b"1")], timestamp_ms=-1)).headers == [("h", b"1")]


@pytest.mark.parametrize("content", [None, b"", b"-1", b"1.5", b"soon", b"\xff", b"1" * 20, b" 1"])
def test_a_timestamp_header_that_no_worker_wrote_is_ignored(content: bytes | None) -> None:
    assert input_timestamp_ms([("emotion.input.timestamp", content)]) is None
    assert input_timestamp_ms([("other", b"1")]) is None


def test_a_labelled_tweet_that_no_longer_fits_is_refused() -> None:
    tweet = Tweet("t1", "a" * 500)
    with pytest.raises(BadRecordError, match=r"^record_too_large: "):
        _labelled(tweet, a_record(), max_bytes=700)
    assert _labelled(tweet, a_record(), max_bytes=2_000)


TEXT = st.text(max_size=30).map(lambda text: text.encode("utf-8", "replace").decode())


@given(st.builds(Tweet, TEXT, TEXT, st.none() | TEXT, st.none() | TEXT), TEXT, st.none() | st.floats(0, 1))
def test_a_labelled_tweet_is_written_as_the_json_module_writes_its_fields(
    tweet: Tweet, emotion: str, neutral: float | None
) -> None:
    prediction = Prediction(emotion, 0.25, {emotion: 0.25, "100 %": 0.75, 'a"b': 1e-5}, neutral)
    fields = {"id": tweet.id, "text": tweet.text, **prediction.json_fields(), "model": "m1"}
    fields |= {"classified_at": "2024-05-01T00:00:00.000Z", "created_at": tweet.created_at, "label": tweet.label}
    if tweet.created_at is None:
        del fields["created_at"]
    if tweet.label is None:
        del fields["label"]
    expected = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    assert a_writer(10_000).write(tweet, a_record(), prediction.json_members()).value == expected


def test_every_character_of_a_text_is_written_as_the_json_module_writes_the_character() -> None:
    characters = "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF)
    written = _labelled(Tweet("t1", characters), a_record(), max_bytes=10_000_000)
    assert json.dumps(characters, ensure_ascii=False).encode() in (written.value or b"")


@given(st.text(max_size=300), st.none() | st.binary(max_size=100), HEADERS)
def test_a_labelled_tweet_that_is_accepted_fits_on_the_wire(text: str, key: bytes | None, headers: Headers) -> None:
    tweet = Tweet("t1", text.encode("utf-8", "replace").decode())
    for max_bytes in range(300, 1500, 100):
        try:
            outgoing = _labelled(tweet, a_record(key=key, headers=headers), max_bytes=max_bytes)
        except BadRecordError:
            continue
        assert bytes_on_the_wire(outgoing) <= max_bytes


def test_what_is_written_is_read_back() -> None:
    prediction = a_prediction("joy", 0.5)
    written = _labelled(Tweet("t1", "ça va 😀", "2024-05-01T12:30:00Z", "joy"), a_record())
    read = decode(written.value)
    assert read == LabelledTweet(
        id="t1",
        text="ça va 😀",
        emotion="joy",
        confidence=0.5,
        scores=prediction.scores,
        model="m1",
        classified_at="2024-05-01T00:00:00.000Z",
        created_at="2024-05-01T12:30:00Z",
        label="joy",
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"emotion": 5},
        {"text": None},
        {"confidence": float("nan")},
        {"confidence": 1.5},
        {"confidence": True},
        {"scores": ["joy"]},
        {"scores": {"joy": "1"}},
        {"text": "\ud800"},
        {"model": None},
        {"label": 3},
        {"neutral": "0.5"},
        {"neutral": 1.01},
        {"neutral": float("nan")},
        {"neutral": True},
        {"topics": []},
        {"topics": None},
        {"topics": "pets"},
        {"topics": {"pets": 1}},
        {"topics": [5]},
        {"topics": ["pets", "pets"]},
        {"topics": ["Pets"]},
        {"topics": ["pets\n"]},
        {"topics": [""]},
    ],
)
def test_a_record_that_no_worker_wrote_is_refused_without_quoting_the_record(changes: dict[str, object]) -> None:
    fields = json.loads(_labelled(Tweet("t1", "secret"), a_record()).value or b"") | changes
    with pytest.raises(NotALabelledTweetError) as caught:
        decode(json.dumps(fields).encode())
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("value", [None, b"", b"\xff", b"[]", b"null", b"{}", b"[" * 100_000])
def test_anything_else_on_the_output_topic_is_refused(value: bytes | None) -> None:
    with pytest.raises(NotALabelledTweetError):
        decode(value)
