"""Tweets as programs send them: objects of Twitter, envelopes and frames of connectors, and what else is found."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import a_record
from tweets import dead_letter
from tweets.reasons import BadRecordError
from tweets.tweet import Tweet, decode

FRAME = b"\0\0\0\1\x2a"
BOM = b"\xef\xbb\xbf"
PLAIN = b'{"text":"so happy","id":"7"}'


def decoded(value: bytes | dict[str, Any]) -> Tweet:
    return decode(a_record(value if isinstance(value, bytes) else json.dumps(value).encode()), max_chars=400)


def refusal(value: bytes | dict[str, Any]) -> BadRecordError:
    with pytest.raises(BadRecordError) as caught:
        decoded(value)
    return caught.value


# Twitter's first interface.

WHOLE = "the whole text, which is longer than what the field text has"


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "the whole…", "truncated": True, "extended_tweet": {"full_text": WHOLE}},
        {"full_text": WHOLE},
        {"text": "the whole…", "full_text": WHOLE},
        {"full_text": "the whole…", "extended_tweet": {"full_text": WHOLE}},
        {"text": "RT @a: the…", "retweeted_status": {"text": WHOLE}},
        {"text": "RT @a: the… ", "retweeted_status": {"text": WHOLE}},
        {"text": "RT @a: the…", "retweeted_status": {"full_text": WHOLE}},
        {"text": "RT @a: the…", "retweeted_status": {"text": "the…", "extended_tweet": {"full_text": WHOLE}}},
        {"full_text": "RT @a: the…", "retweeted_status": {"full_text": WHOLE}},
        {"text": "RT @a: the", "truncated": True, "retweeted_status": {"text": WHOLE}},
        {"text": "the whole…", "note_tweet": {"text": WHOLE}},
        {"text": WHOLE, "full_text": None, "extended_tweet": "gone", "retweeted_status": None},
        {"text": WHOLE, "full_text": "", "extended_tweet": {"full_text": 5}, "note_tweet": {}},
        {"text": WHOLE, "retweeted_status": {"text": "another"}},
        {"text": WHOLE, "truncated": True},
        {"text": WHOLE, "quoted_status": {"full_text": "another"}},
        {"text": WHOLE, "data": {"text": "another"}, "payload": {"text": "another"}, "schema": None},
    ],
    ids=lambda fields: json.dumps(fields)[:60],
)
def test_the_whole_text_is_taken_where_the_field_text_is_cut(fields: dict[str, Any]) -> None:
    assert decoded(fields | {"id": 7, "id_str": "1050118621198921728"}) == Tweet("1050118621198921728", WHOLE)


def test_a_whole_text_that_is_too_long_is_refused_although_the_cut_text_is_not() -> None:
    assert refusal({"text": "short…", "full_text": "a" * 401}).reason == "text_too_long"


def test_a_retweet_in_retweets_hundreds_of_levels_deep_is_read() -> None:
    value = b'{"text":"cut\xe2\x80\xa6","retweeted_status":' * 300 + b"{}" + b"}" * 300
    assert decoded(value).text == "cut…"


@pytest.mark.parametrize(
    ("ids", "read"),
    [
        ({"id": 1050118621198921700, "id_str": "1050118621198921728"}, "1050118621198921728"),
        ({"id": 17, "id_str": ""}, "17"),
        ({"id": 17, "id_str": 18}, "17"),
        ({"id": "t", "id_str": None}, "t"),
        ({"id_str": "18"}, "18"),
    ],
)
def test_the_exact_id_wins_over_the_number_that_programs_round(ids: dict[str, Any], read: str) -> None:
    assert decoded({"text": "a"} | ids).id == read


# Envelopes: the second interface of Twitter, Kafka Connect.

INNER = {"text": "so happy", "id": "7", "label": "joy", "created_at": "Wed Oct 10 20:19:24 +0000 2018"}
READ = Tweet("7", "so happy", "2018-10-10T20:19:24Z", "joy")
OUTER = {"id": "outer", "label": "anger", "created_at": "2020-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    "fields",
    [
        {"data": INNER},
        {"data": INNER, "includes": {"users": []}, "matching_rules": []},
        {"schema": {"type": "struct"}, "payload": INNER},
        {"schema": None, "payload": INNER},
        {"schema": None, "payload": {"data": INNER}},
        {"schema": None, "payload": INNER | {"text": "so…", "full_text": "so happy"}},
        {"data": INNER | {"text": "so…", "note_tweet": {"text": "so happy"}}},
    ],
    ids=lambda fields: json.dumps(fields)[:60],
)
def test_all_fields_are_taken_from_the_object_that_has_the_text(fields: dict[str, Any]) -> None:
    assert decoded(fields | OUTER) == READ


# Byte order marks and frames.


@pytest.mark.parametrize(
    "value",
    [
        BOM + PLAIN,
        BOM + b" \r\n" + PLAIN + b"\r\n",
        FRAME + PLAIN,
        b"\0\0\0\0\x80" + PLAIN,
        b"\0\xff\xfe\xfd\xfc" + PLAIN,
        FRAME + BOM + PLAIN,
        FRAME + b"\n " + PLAIN,
        FRAME + b'{"schema":null,"payload":' + PLAIN + b"}",
        BOM + b'{"data":' + PLAIN + b"}",
    ],
    ids=repr,
)
def test_a_byte_order_mark_and_a_frame_before_json_are_skipped(value: bytes) -> None:
    assert decoded(value) == Tweet("7", "so happy")


def test_a_mark_inside_the_text_stays_in_the_text() -> None:
    assert decoded(b'{"text":"\xef\xbb\xbfhappy"}').text == "\ufeffhappy"


# What is found instead.

AVRO = "Avro or Protobuf frame of a schema registry; send JSON"
UTF16 = "UTF-16 or UTF-32 instead of UTF-8"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (FRAME + b"\x10so happy", f"not_json: {AVRO}"),
        (FRAME + b"\0\n\x08so happy", f"not_json: {AVRO}"),
        (FRAME + b'"hello so happy today', f"not_json: {AVRO}"),
        (FRAME, f"not_json: {AVRO}"),
        (b"\0\0\0\0\x80\x10so happy", f"not_utf8: {AVRO}"),
        (FRAME + b"\x06\xff\xfe\xfd", f"not_utf8: {AVRO}"),
        (FRAME + b'{"text":"so ha', "not_json: Unterminated string starting at character 8"),
        (FRAME + b'"so happy"', "not_an_object: the value is a JSON string"),
        (BOM + b"so happy", "not_json: Expecting value at character 0"),
        (BOM + b"[]", "not_an_object: the value is a JSON list"),
        (BOM, "not_json: Expecting value at character 0"),
        (BOM + BOM + PLAIN, "not_json: Expecting value at character 0"),
        (b"\0\0\0", "not_json: Expecting value at character 0"),
        (PLAIN.decode().encode("utf-16"), f"not_utf8: {UTF16}"),
        (PLAIN.decode().encode("utf-16-le"), f"not_json: {UTF16}"),
        (PLAIN.decode().encode("utf-16-be"), f"not_json: {UTF16}"),
        (b'{"text":"a\x01"}', "not_json: Invalid control character at character 10"),
        (b'{"text":', "not_json: Expecting value at character 8"),
        (b'{"text" "a"}', "not_json: Expecting ':' delimiter at character 8"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_the_message_names_the_fault_once_and_keeps_the_reason(value: bytes, message: str) -> None:
    assert str(refusal(value)) == message


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({}, "no text; the object is empty"),
        ({"id": "7", "label": "joy"}, "no text; the fields are id, label"),
        ({"Text": "so happy", "id": "a long identifier"}, "no text; there is a field Text"),
        ({"tweet": {"body": "so happy", "n": 1}, "lang": "en"}, "no text; there is a field tweet.body"),
        ({"data": [{"text": "so happy"}, {"text": "so sad"}]}, "no text; there is a field data[0].text"),
        ({"data": {"body": "so happy"}}, "no text; there is a field data.body"),
        ({"data": {"text": 5}}, "text is a JSON number"),
        ({"text": {"full_text": "so happy"}}, "text is a JSON object"),
        ({"text": None, "data": {"text": "so happy"}}, "text is a JSON null"),
        ({"schema": {"name": "com.example.Tweet"}, "payload": None}, "no text; payload is a JSON null"),
        ({"schema": {"name": "com.example.Tweet"}, "payload": "so happy"}, "no text; payload is a JSON string"),
        ({"schema": {"name": "com.example.Tweet"}, "payload": {"a": "b"}}, "no text; there is a field payload.a"),
        ({"payload": {"text": "so happy"}}, "no text; there is a field payload.text"),
        ({"a\n\ud800\x00": "so happy"}, "no text; there is a field a???"),
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_the_message_says_where_a_text_is_or_what_there_is(fields: dict[str, Any], detail: str) -> None:
    error = refusal(fields)
    assert (error.reason, error.detail) == ("no_text", detail)


@pytest.mark.parametrize(
    "fields",
    [
        {"n" * 500: "x"},
        {"n" * 60: {"m" * 60: "x"}},
        {f"name{n}": n for n in range(500)},
        json.loads('{"a":' * 200 + '"x"' + "}" * 200),
    ],
)
def test_names_of_fields_are_cut_to_a_hundred_characters(fields: dict[str, Any]) -> None:
    names = refusal(fields).detail.removeprefix("no text; there is a field ").removeprefix("no text; the fields are ")
    assert len(names) == 100
    assert names.endswith("…")


_NAMES = st.sampled_from(["text", "full_text", "extended_tweet", "retweeted_status", "data", "payload", "schema", "id"])
_SHAPES = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_NAMES | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_NAMES | st.text(max_size=3), _SHAPES), st.sampled_from([b"", BOM, FRAME, b"\0"]))
def test_any_shape_is_a_tweet_or_a_dead_letter_whose_message_can_be_sent(fields: Any, prefix: bytes) -> None:
    record = a_record(prefix + json.dumps(fields).encode())
    try:
        outcome: Tweet | BadRecordError = decode(record, max_chars=10)
    except BadRecordError as error:
        outcome = error
    if isinstance(outcome, BadRecordError):
        assert dead_letter.encode(record, outcome, topic="dead", max_bytes=10_000).headers
        assert "\n" not in str(outcome)
    else:
        assert outcome.text
