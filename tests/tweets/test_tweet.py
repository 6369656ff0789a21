"""The tweet on the input topic: which records are tweets, and which become dead letters."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import a_record, a_tweet_record
from tweets.reasons import REASONS, BadRecordError
from tweets.records import Record
from tweets.timestamps import rfc3339_ms
from tweets.tweet import MAX_VALUE_BYTES, Tweet, decode, encode


def _reason(record: Record, max_chars: int = 100) -> str:
    with pytest.raises(BadRecordError) as caught:
        decode(record, max_chars=max_chars)
    assert str(caught.value).startswith(f"{caught.value.reason}: ")
    return caught.value.reason


def _decoded(**fields: Any) -> Tweet:
    return decode(a_tweet_record(**fields), max_chars=100)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "null_value"),
        (b"\xff\xfe", "not_utf8"),
        (b'{"text": "caf\xe9"}', "not_utf8"),
        (b"", "not_json"),
        (b"i feel fine", "not_json"),
        (b'{"text": "a"', "not_json"),
        (b'{"text": "a"} {"text": "b"}', "not_json"),
        (b"\xef\xbb\xbf", "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"a":' * 100_000, "not_json"),
        (b"[]", "not_an_object"),
        (b"null", "not_an_object"),
        (b"NaN", "not_an_object"),
        (b"17", "not_an_object"),
        (b"true", "not_an_object"),
        (b'"i feel fine"', "not_an_object"),
        (b"9" * 100_000, "not_an_object"),
        (b"{}", "no_text"),
        (b'{"text": null}', "no_text"),
        (b'{"text": 5}', "no_text"),
        (b'{"text": ["a"]}', "no_text"),
        (b'{"Text": "a"}', "no_text"),
        (b'{"text": "a", "text": 5}', "no_text"),
        (b'{"text": ""}', "blank_text"),
        (b'{"text": " \\t\\n\\u00a0\\u2003"}', "blank_text"),
        (b'{"text": "\\u200b\\ufeff\\u200e"}', "blank_text"),
        (b'{"text": "' + b"a" * 101 + b'"}', "text_too_long"),
        (b'{"text": "' + b" " * 101 + b'"}', "text_too_long"),
        (b" " * (MAX_VALUE_BYTES + 1), "record_too_large"),
        (b'{"text":"a"}' + b" " * MAX_VALUE_BYTES, "record_too_large"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_record_that_is_no_tweet_is_refused_with_its_reason(value: bytes | None, reason: str) -> None:
    assert _reason(a_record(value)) == reason
    assert reason in REASONS


def test_a_record_that_the_client_could_not_read_is_refused_as_unreadable() -> None:
    assert _reason(a_record(None, unreadable="CorruptRecordError")) == "unreadable"


def test_a_value_of_exactly_the_largest_size_is_read() -> None:
    value = b'{"text":"a"}'.ljust(MAX_VALUE_BYTES)
    assert decode(a_record(value), max_chars=10).text == "a"


def test_a_text_of_exactly_the_largest_length_is_read() -> None:
    assert len(_decoded(text="a" * 100).text) == 100


def _read(record: Record, max_chars: int) -> Tweet | BadRecordError:
    try:
        return decode(record, max_chars=max_chars)
    except BadRecordError as error:
        return error


@given(st.none() | st.binary(max_size=300))
def test_no_bytes_raise_anything_but_bad_record_error(value: bytes | None) -> None:
    outcome = _read(a_record(value), max_chars=100)
    assert outcome.reason in REASONS if isinstance(outcome, BadRecordError) else outcome.text.strip()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["text", "id", "created_at", "label", "x"]), _JSON))
def test_any_json_is_read_and_can_be_written_or_is_a_bad_record(fields: dict[str, Any]) -> None:
    record = a_record(json.dumps(fields).encode())
    outcome = _read(record, max_chars=15)
    if isinstance(outcome, BadRecordError):
        assert outcome.reason in REASONS
    else:
        assert json.loads(encode(outcome))["text"] == outcome.text


@pytest.mark.parametrize(
    ("given_id", "read"),
    [
        ("t1", "t1"),
        (17, "17"),
        (-3, "-3"),
        (0, "0"),
        (10**18, "1" + "0" * 18),
        ("", "tweets-3-7"),
        (None, "tweets-3-7"),
        (True, "tweets-3-7"),
        (1.5, "tweets-3-7"),
        (["t1"], "tweets-3-7"),
        ({"a": 1}, "tweets-3-7"),
    ],
)
def test_an_id_that_is_no_string_and_no_integer_is_replaced_by_the_coordinates_of_the_record(
    given_id: object, read: str
) -> None:
    assert _decoded(id=given_id).id == read


def test_without_an_id_the_coordinates_of_the_record_are_the_id() -> None:
    assert _decoded().id == "tweets-3-7"


@pytest.mark.parametrize(
    "time",
    [
        "2024-05-01T12:30:00Z",
        "2024-05-01T12:30:00.123Z",
        "2024-05-01T12:30:00.123456789+05:30",
        "2024-05-01t12:30:00z",
        "2024-05-01 12:30:00-00:00",
    ],
)
def test_a_time_in_rfc_3339_is_kept_unchanged(time: str) -> None:
    assert _decoded(created_at=time).created_at == time


@pytest.mark.parametrize(
    "time",
    [
        "2024-05-01",
        "2024-05-01T12:30:00",
        "2024-05-01T12:30Z",
        "2024-13-01T12:30:00Z",
        "2024-02-30T12:30:00Z",
        "2024-05-01T25:30:00Z",
        "20240501T123000Z",
        "٢٠٢٤-05-01T12:30:00Z",
        "2024-05-01T12:30:00Z\n",
        "",
        None,
        ["2024-05-01T12:30:00Z"],
    ],
)
def test_any_other_time_is_left_out(time: object) -> None:
    assert _decoded(created_at=time).created_at is None


@pytest.mark.parametrize(("label", "read"), [("joy", "joy"), ("bored", "bored"), ("", None), (1, None), (None, None)])
def test_a_label_is_a_string_or_left_out(label: object, read: str | None) -> None:
    assert _decoded(label=label).label == read


def test_unknown_fields_are_ignored() -> None:
    tweet = decode(a_record(b'{"text":"a","lang":"en","n":NaN,"huge":1e999,"big":' + b"1" * 5000 + b"}"), max_chars=9)
    assert tweet == Tweet("tweets-3-7", "a")


def test_lone_surrogates_become_question_marks() -> None:
    tweet = decode(a_record(b'{"text":"a\\ud800b","id":"\\udc00","label":"\\ud800"}'), max_chars=9)
    assert (tweet.text, tweet.id, tweet.label) == ("a?b", "?", "?")


@pytest.mark.parametrize("text", ["😀", "👩‍👩‍👧", "שלום", "مرحبا", "日本", "a\u202eb", "é"])
def test_any_visible_text_is_kept_character_by_character(text: str) -> None:
    assert _decoded(text=text).text == text


@given(st.text(max_size=40))
def test_a_refusal_never_quotes_the_tweet(text: str) -> None:
    secret = "xyzzy"
    values = [f'{{"text": "{secret}', f'"{secret}{text}"', f'{{"id": "{secret}"}}', f'{{"text": ["{secret}"]}}', secret]
    for value in values:
        with pytest.raises(BadRecordError) as caught:
            decode(a_record(value.encode("utf-8", "replace")), max_chars=100)
        assert secret not in str(caught.value)


def test_a_tweet_that_was_sent_is_read_back() -> None:
    tweet = Tweet("t1", "ça va 😀", "2024-05-01T12:30:00Z", "joy")
    assert decode(a_record(encode(tweet)), max_chars=100) == tweet


def test_half_a_surrogate_pair_is_sent_as_a_question_mark() -> None:
    assert decode(a_record(encode(Tweet("t1", "a\ud800"))), max_chars=100) == Tweet("t1", "a?")


def test_the_record_has_id_text_label_and_the_time_of_sending_in_utc() -> None:
    assert json.loads(encode(Tweet("set-test-0", "¡olé! 🎉", rfc3339_ms(1_714_979_287_654), "joy"))) == {
        "id": "set-test-0",
        "text": "¡olé! 🎉",
        "created_at": "2024-05-06T07:08:07.654Z",
        "label": "joy",
    }


def test_an_unknown_label_is_left_out() -> None:
    assert "label" not in json.loads(encode(Tweet("a", "b")))
