"""The fast parser reads a record as the exact parser does, or leaves the record to the exact parser."""

import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.records import a_record
from tweets import envelopes, tweet
from tweets.reasons import BadRecordError
from tweets.tweet import Tweet, decode

Read = Callable[[bytes], "Tweet | tuple[str, str]"]


@pytest.fixture(scope="module")
def exactly() -> Read:
    """Return how a record is read without the fast parser."""

    def read(value: bytes) -> Tweet | tuple[str, str]:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(tweet, "usual_json_object", lambda _: None)
            return as_worker(value)

    return read


def as_worker(value: bytes) -> Tweet | tuple[str, str]:
    try:
        return decode(a_record(value), max_chars=100)
    except BadRecordError as error:
        return error.reason, error.detail


NAMES = st.sampled_from(["text", "id", "id_str", "created_at", "label", "data", "payload", "schema", "full_text", "x"])
NUMBERS = st.sampled_from(
    ["0", "-0", "1e5", "1.0", "18446744073709551615", "18446744073709551616", "-9223372036854775809", "1" * 40,
     "1" * 41, "9" * 400, "1e999", "-1e999", "NaN", "Infinity", "-Infinity", "01", "1.", "+1", "1539202764", "1e400"]
)  # fmt: skip
TEXTS = st.text(max_size=8).map(json.dumps) | st.sampled_from(
    ['"so sad"', '"\\ud800"', '"\\ud83d\\ude02"', '"\\u0000"', '"\x01"', '"\t"', '"\\x"', '"a', '"\u2028\x7f"', '""']
)
VALUES = st.recursive(
    NUMBERS | TEXTS | st.sampled_from(["null", "true", "false", "tru", "", "nil"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
        | st.lists(st.tuples(NAMES, inner), max_size=4).map(
            lambda members: "{" + ",".join(f'"{name}":{value}' for name, value in members) + "}"
        )
    ),
    max_leaves=10,
)
OBJECTS = st.lists(st.tuples(NAMES, VALUES), max_size=6).map(
    lambda members: "{" + ", ".join(f'"{name}": {value}' for name, value in members) + "}"
)
SURROUNDINGS = st.sampled_from(["", "", "", "", "", " ", "\ufeff", "\x00", "\n", "\x0c", "{}", "x"])


@given(SURROUNDINGS, OBJECTS | VALUES, SURROUNDINGS)
@settings(max_examples=1_000)
def test_any_json_is_read_as_the_exact_parser_reads_it(exactly: Read, before: str, value: str, behind: str) -> None:
    encoded = f"{before}{value}{behind}".encode()
    assert as_worker(encoded) == exactly(encoded)


@given(OBJECTS, st.data())
def test_json_with_damaged_bytes_is_read_as_the_exact_parser_reads_it(
    exactly: Read, value: str, data: st.DataObject
) -> None:
    damaged = bytearray(value.encode())
    damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    assert as_worker(bytes(damaged)) == exactly(bytes(damaged))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_as_the_exact_parser_reads_them(exactly: Read, value: bytes) -> None:
    assert as_worker(value) == exactly(value)


DOUBTFUL: Final[dict[str, bytes]] = {
    "two texts": b'{"text":"a","text":"b"}',
    "two texts, the last none": b'{"text":"a","text":5}',
    "NaN": b'{"text":"a","x":NaN}',
    "a large id": b'{"text":"a","id":18446744073709551616}',
    "a large negative id": b'{"text":"a","id":-9223372036854775809}',
    "a larger id than is read": b'{"text":"a","id":' + b"1" * 41 + b"}",
    "a large id in an envelope": b'{"schema":1,"payload":{"text":"a","id":18446744073709551616}}',
    "a large id in data": b'{"data":{"text":"a","id":18446744073709551616}}',
    "half a pair": b'{"text":"a\\ud800"}',
    "half a pair in the id": b'{"text":"a","id":"\\udc00"}',
    "half a pair in UTF-8": b'{"text":"a\xed\xa0\x80"}',
    "a control character": b'{"text":"a\x01"}',
    "a mark": b'\xef\xbb\xbf{"text":"a"}',
    "a frame": b'\x00\x00\x00\x00\x01{"text":"a"}',
    "UTF-16": '{"text":"a"}'.encode("utf-16"),
    "an empty object": b"{}",
}


@pytest.mark.parametrize("value", DOUBTFUL.values(), ids=DOUBTFUL)
def test_a_doubtful_record_is_read_as_the_exact_parser_reads_it(exactly: Read, value: bytes) -> None:
    assert as_worker(value) == exactly(value)


@pytest.mark.parametrize("depth", [10, 400, 499, 501, 900, 985, 1_000, 1_023, 1_100, 5_000])
@pytest.mark.parametrize("form", ['{{"text":"a","x":{}}}', "{}", '{{"text":{}}}'])
def test_deep_json_is_read_as_the_exact_parser_reads_it(exactly: Read, form: str, depth: int) -> None:
    for deep in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
        value = form.format(deep).encode()
        assert envelopes.usual_json_object(value) is None or depth < 500
        assert as_worker(value) == exactly(value)


def test_an_ordinary_tweet_is_read_by_the_fast_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    def exact(value: bytes) -> dict[str, Any]:
        raise AssertionError(value)

    monkeypatch.setattr(tweet, "json_object", exact)
    value = b'{"id":1050118621198921728,"text":"so sad \xf0\x9f\x98\x82","created_at":"2024-05-01T12:30:00Z"}'
    assert decode(a_record(value), max_chars=100) == Tweet("1050118621198921728", "so sad 😂", "2024-05-01T12:30:00Z")
