"""What is read from records and written into them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatchBuilder

from tests.worker.records import PARTITION, a_prediction, a_record, a_tweet_record
from worker.errors import BadMessage
from worker.messages import (
    EMOTIONS,
    MAX_VALUE_BYTES,
    REASONS,
    Headers,
    Outgoing,
    Record,
    Tweet,
    dead_letter,
    decode,
    labelled_tweet,
    rfc3339_now,
)

_HEADERS = st.lists(st.tuples(st.text(max_size=20), st.none() | st.binary(max_size=50)), max_size=4)


def _reason(record: Record, max_chars: int = 100) -> str:
    with pytest.raises(BadMessage) as caught:
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
def test_what_is_no_tweet_is_refused_with_its_reason(value: bytes | None, reason: str) -> None:
    assert _reason(a_record(value)) == reason
    assert reason in REASONS


def test_a_record_that_the_client_could_not_read_is_refused_as_such() -> None:
    assert _reason(a_record(None, unreadable="CorruptRecordError")) == "unreadable"


def test_a_value_of_exactly_the_largest_size_is_read() -> None:
    value = b'{"text":"a"}'.ljust(MAX_VALUE_BYTES)
    assert decode(a_record(value), max_chars=10).text == "a"


def test_a_text_of_exactly_the_largest_length_is_read() -> None:
    assert len(_decoded(text="a" * 100).text) == 100


def _read(record: Record, max_chars: int) -> Tweet | BadMessage:
    try:
        return decode(record, max_chars=max_chars)
    except BadMessage as error:
        return error


@given(st.none() | st.binary(max_size=300))
def test_no_bytes_raise_anything_but_bad_message(value: bytes | None) -> None:
    outcome = _read(a_record(value), max_chars=100)
    assert outcome.reason in REASONS if isinstance(outcome, BadMessage) else outcome.text.strip()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["text", "id", "created_at", "label", "x"]), _JSON))
def test_no_json_raises_anything_but_bad_message_and_what_is_read_can_be_written(fields: dict[str, Any]) -> None:
    record = a_record(json.dumps(fields).encode())
    outcome = _read(record, max_chars=15)
    if isinstance(outcome, BadMessage):
        assert outcome.reason in REASONS
    else:
        assert json.loads(_labelled(outcome, record).value or b"")["text"] == outcome.text


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
def test_an_id_is_a_string_or_an_integer_or_else_the_records_place(given_id: object, read: str) -> None:
    assert _decoded(id=given_id).id == read


def test_without_an_id_the_records_place_is_the_id() -> None:
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
def test_a_time_in_rfc_3339_is_kept_as_it_is(time: str) -> None:
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
        "Wed May 01 12:30:00 +0000 2024",
        "٢٠٢٤-05-01T12:30:00Z",
        "2024-05-01T12:30:00Z\n",
        "",
        1714566600,
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
        with pytest.raises(BadMessage) as caught:
            decode(a_record(value.encode("utf-8", "replace")), max_chars=100)
        assert secret not in str(caught.value)


def _labelled(tweet: Tweet, record: Record, *, max_bytes: int = 1_000_000) -> Outgoing:
    return labelled_tweet(
        tweet,
        record,
        a_prediction(),
        topic="out",
        model="m1",
        classified_at="2024-05-01T00:00:00.000Z",
        max_bytes=max_bytes,
    )


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


def test_what_a_tweet_lacks_its_label_lacks_too() -> None:
    fields = json.loads(_labelled(Tweet("t1", "a"), a_record()).value or b"")
    assert "created_at" not in fields
    assert "label" not in fields


def test_key_headers_and_partition_number_are_kept() -> None:
    headers = [("trace", b"\x00\xff"), ("empty", b""), ("none", None), ("trace", b"again")]
    outgoing = _labelled(Tweet("t1", "a"), a_record(key=b"\xff\x00", headers=headers))
    assert (outgoing.topic, outgoing.partition) == ("out", PARTITION.number)
    assert (outgoing.key, outgoing.headers) == (b"\xff\x00", headers)


def test_a_labelled_tweet_that_no_longer_fits_is_refused() -> None:
    tweet = Tweet("t1", "a" * 500)
    with pytest.raises(BadMessage, match=r"^record_too_large: "):
        _labelled(tweet, a_record(), max_bytes=700)
    assert _labelled(tweet, a_record(), max_bytes=2_000)


@given(st.text(max_size=300), st.none() | st.binary(max_size=100), _HEADERS)
def test_a_labelled_tweet_that_is_let_through_fits_on_the_wire(text: str, key: bytes | None, headers: Headers) -> None:
    tweet = Tweet("t1", text.encode("utf-8", "replace").decode())
    for max_bytes in range(300, 1500, 100):
        try:
            outgoing = _labelled(tweet, a_record(key=key, headers=headers), max_bytes=max_bytes)
        except BadMessage:
            continue
        assert _bytes_on_the_wire(outgoing) <= max_bytes


def test_the_time_of_classification_is_itself_rfc_3339_in_utc() -> None:
    now = rfc3339_now()
    assert now.endswith("Z")
    assert _decoded(created_at=now).created_at == now


def _dead(record: Record, error: BadMessage, *, max_bytes: int = 1_000_000) -> Outgoing:
    return dead_letter(record, error, topic="dead", max_bytes=max_bytes)


def _text_headers(outgoing: Outgoing) -> dict[str, str]:
    return {name: (content or b"").decode() for name, content in outgoing.headers}


def test_a_dead_letter_keeps_everything_and_says_why() -> None:
    headers = [("trace", b"\x00\xff"), ("none", None)]
    record = a_record(b"\xff\xfe[", key=b"\x00", headers=headers)
    outgoing = _dead(record, BadMessage("not_json", "invalid"))
    assert (outgoing.topic, outgoing.partition) == ("dead", PARTITION.number)
    assert (outgoing.key, outgoing.value) == (b"\x00", b"\xff\xfe[")
    assert list(outgoing.headers[:2]) == headers
    assert _text_headers(_dead(a_record(), BadMessage("not_json", "invalid"))) == {
        "__connect.errors.topic": "tweets",
        "__connect.errors.partition": "3",
        "__connect.errors.offset": "7",
        "__connect.errors.stage": "VALUE_CONVERTER",
        "__connect.errors.class.name": "worker.messages.decode",
        "__connect.errors.exception.class.name": "worker.errors.BadMessage",
        "__connect.errors.exception.message": "not_json: invalid",
    }


@pytest.mark.parametrize(("key", "value"), [(None, None), (None, b"x"), (b"k", None), (b"", b"")])
def test_a_dead_letter_tells_nothing_from_empty(key: bytes | None, value: bytes | None) -> None:
    outgoing = _dead(a_record(value, key=key), BadMessage("null_value", "none"))
    assert (outgoing.key, outgoing.value) == (key, value)


@pytest.mark.parametrize("reason", REASONS)
def test_a_dead_letters_message_begins_with_its_reason(reason: str) -> None:
    headers = _text_headers(_dead(a_record(), BadMessage(reason, "because")))
    assert headers["__connect.errors.exception.message"] == f"{reason}: because"
    assert headers["__connect.errors.stage"] in {"VALUE_CONVERTER", "TRANSFORMATION", "CONSUME"}


def test_a_dead_letter_too_large_to_forward_loses_the_end_of_its_value() -> None:
    value = bytes(range(256)) * 40
    outgoing = _dead(a_record(value, headers=[("h", b"1")]), BadMessage("not_utf8", "x"), max_bytes=2_000)
    assert outgoing.value is not None
    assert 500 < len(outgoing.value) < 2_000
    assert value.startswith(outgoing.value)
    assert outgoing.key == b"k"
    assert _text_headers(outgoing)["h"] == "1"
    assert outgoing.headers[-1] == ("truncated", b"true")


def test_a_dead_letter_whose_own_headers_are_too_large_loses_them_and_its_key() -> None:
    record = a_record(b"value", headers=[("h", b"1" * 3_000)])
    outgoing = _dead(record, BadMessage("not_json", "x"), max_bytes=2_000)
    assert outgoing.key is None
    assert "h" not in _text_headers(outgoing)
    assert outgoing.value == b"value"
    assert outgoing.headers[-1] == ("truncated", b"true")
    assert _bytes_on_the_wire(outgoing) <= 2_000


def test_a_dead_letter_that_just_fits_is_not_cut() -> None:
    whole = _dead(a_record(b"v" * 500), BadMessage("not_json", "x"))
    limit = next(
        n for n in range(600, 3_000) if _is_whole(_dead(a_record(b"v" * 500), BadMessage("not_json", "x"), max_bytes=n))
    )
    assert _bytes_on_the_wire(whole) <= limit
    assert limit - _bytes_on_the_wire(whole) < 200, "the estimate wastes room"


def _is_whole(outgoing: Outgoing) -> bool:
    return ("truncated", b"true") not in outgoing.headers


@given(
    st.none() | st.binary(max_size=3_000),
    st.none() | st.binary(max_size=1_500),
    st.lists(st.tuples(st.text(max_size=200), st.none() | st.binary(max_size=900)), max_size=4),
    st.integers(1_500, 6_000),
)
def test_a_dead_letter_always_fits_on_the_wire(
    value: bytes | None, key: bytes | None, headers: Headers, max_bytes: int
) -> None:
    record = a_record(value, key=key, headers=headers)
    outgoing = _dead(record, BadMessage("not_json", "x" * 100), max_bytes=max_bytes)
    assert _bytes_on_the_wire(outgoing) <= max_bytes
    if _is_whole(outgoing):
        assert (outgoing.key, outgoing.value) == (key, value)
        assert list(outgoing.headers[: len(headers)]) == list(headers)


def _bytes_on_the_wire(outgoing: Outgoing) -> int:
    """The size of a batch that holds this record alone, as the client builds it for the broker."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=True,
        producer_id=2**40,
        producer_epoch=30_000,
        base_sequence=2**31 - 1,
        batch_size=10_000_000,
    )
    headers = [(name, content or b"") for name, content in outgoing.headers]
    assert builder.append(0, 1_700_000_000_000, outgoing.key, outgoing.value, headers) is not None
    return len(builder.build())
