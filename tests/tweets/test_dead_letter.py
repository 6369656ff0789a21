"""The dead letter: the original record, and headers that say what is wrong with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import PARTITION, a_record
from tests.tweets.wire import bytes_on_the_wire
from tweets.dead_letter import HEADERS, encode
from tweets.reasons import REASONS, BadRecordError
from tweets.records import Headers, OutputRecord, Record


def _dead(record: Record, error: BadRecordError, *, max_bytes: int = 1_000_000) -> OutputRecord:
    return encode(record, error, topic="dead", max_bytes=max_bytes)


def _text_headers(outgoing: OutputRecord) -> dict[str, str]:
    return {name: (content or b"").decode() for name, content in outgoing.headers}


def test_a_dead_letter_keeps_the_record_and_has_the_reason() -> None:
    headers = [("trace", b"\x00\xff"), ("none", None)]
    record = a_record(b"\xff\xfe[", key=b"\x00", headers=headers)
    outgoing = _dead(record, BadRecordError("not_json", "invalid"))
    assert (outgoing.topic, outgoing.partition) == ("dead", PARTITION.number)
    assert (outgoing.key, outgoing.value) == (b"\x00", b"\xff\xfe[")
    assert list(outgoing.headers[:2]) == headers
    assert _text_headers(_dead(a_record(), BadRecordError("not_json", "invalid"))) == {
        "__connect.errors.topic": "tweets",
        "__connect.errors.partition": "3",
        "__connect.errors.offset": "7",
        "__connect.errors.stage": "VALUE_CONVERTER",
        "__connect.errors.class.name": "worker.messages.decode",
        "__connect.errors.exception.class.name": "worker.errors.BadMessage",
        "__connect.errors.exception.message": "not_json: invalid",
    }


@pytest.mark.parametrize(("key", "value"), [(None, None), (None, b"x"), (b"k", None), (b"", b"")])
def test_a_dead_letter_keeps_none_and_empty_apart(key: bytes | None, value: bytes | None) -> None:
    outgoing = _dead(a_record(value, key=key), BadRecordError("null_value", "none"))
    assert (outgoing.key, outgoing.value) == (key, value)


_STAGES = dict.fromkeys(REASONS, "VALUE_CONVERTER") | {
    "classifier_failed": "TRANSFORMATION",
    "unreadable": "CONSUME",
}


@pytest.mark.parametrize("reason", REASONS)
def test_a_dead_letter_names_its_reason_and_the_stage_that_refused_the_record(reason: str) -> None:
    headers = _text_headers(_dead(a_record(), BadRecordError(reason, "because")))
    assert headers["__connect.errors.exception.message"] == f"{reason}: because"
    assert headers["__connect.errors.stage"] == _STAGES[reason]


def test_a_dead_letter_too_large_to_forward_loses_the_end_of_its_value() -> None:
    value = bytes(range(256)) * 40
    outgoing = _dead(a_record(value, headers=[("h", b"1")]), BadRecordError("not_utf8", "x"), max_bytes=2_000)
    assert outgoing.value is not None
    assert 500 < len(outgoing.value) < 2_000
    assert value.startswith(outgoing.value)
    assert outgoing.key == b"k"
    assert _text_headers(outgoing)["h"] == "1"
    assert outgoing.headers[-1] == ("truncated", b"true")


def test_a_dead_letter_whose_own_headers_are_too_large_loses_those_headers_and_its_key() -> None:
    record = a_record(b"value", headers=[("h", b"1" * 3_000)])
    outgoing = _dead(record, BadRecordError("not_json", "x"), max_bytes=2_000)
    assert outgoing.key is None
    assert "h" not in _text_headers(outgoing)
    assert outgoing.value == b"value"
    assert outgoing.headers[-1] == ("truncated", b"true")
    assert bytes_on_the_wire(outgoing) <= 2_000


def test_the_documented_headers_are_those_that_a_cut_dead_letter_has() -> None:
    outgoing = _dead(a_record(b"v" * 2_000), BadRecordError("not_json", "x"), max_bytes=1_000)
    assert [name for name, _ in outgoing.headers] == list(HEADERS)


def test_a_dead_letter_that_just_fits_is_not_cut() -> None:
    whole = _dead(a_record(b"v" * 500), BadRecordError("not_json", "x"))
    limit = next(
        n
        for n in range(600, 3_000)
        if _is_whole(_dead(a_record(b"v" * 500), BadRecordError("not_json", "x"), max_bytes=n))
    )
    assert bytes_on_the_wire(whole) <= limit
    assert limit - bytes_on_the_wire(whole) < 200, "the estimate wastes room"


def _is_whole(outgoing: OutputRecord) -> bool:
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
    outgoing = _dead(record, BadRecordError("not_json", "x" * 100), max_bytes=max_bytes)
    assert bytes_on_the_wire(outgoing) <= max_bytes
    if _is_whole(outgoing):
        assert (outgoing.key, outgoing.value) == (key, value)
        assert list(outgoing.headers[: len(headers)]) == list(headers)
