"""A replayed record: the worker honours the id and the timestamp that its headers keep."""

import json

import pytest

from tests.records import a_prediction, a_record
from tests.tweets.test_labelled_tweet import a_writer
from tweets import tweet
from tweets.headers import INPUT_TIMESTAMP
from tweets.labelled_tweet import first_timestamp_ms, input_timestamp_ms
from tweets.records import Headers
from tweets.replayed import ROUND, TWEET_ID, kept_id, replay_round
from tweets.tweet import decode, own_id

USUAL = b'{"text":"so sad"}'
UNUSUAL = b'\xef\xbb\xbf{"text":"so sad","x":NaN}'
"""The fast parser reads the first, the exact parser alone the second."""


def id_of(value: bytes, headers: Headers = ()) -> str:
    return decode(a_record(value, headers=headers), max_chars=100).id


@pytest.mark.parametrize("value", [USUAL, UNUSUAL])
def test_a_tweet_without_an_id_has_that_of_the_header(value: bytes) -> None:
    assert id_of(value, [("trace", b"1"), (TWEET_ID, b"tweets-3-7")]) == "tweets-3-7"
    assert id_of(value) == "tweets-3-7"
    assert id_of(value, [(TWEET_ID, b"old-1-2")]) == "old-1-2"


def test_the_two_values_are_read_by_the_two_parsers(monkeypatch: pytest.MonkeyPatch) -> None:
    def exact(value: bytes) -> dict[str, object]:
        raise AssertionError(value)

    monkeypatch.setattr(tweet, "json_object", exact)
    assert id_of(USUAL, [(TWEET_ID, b"old-1-2")]) == "old-1-2"
    with pytest.raises(AssertionError):
        id_of(UNUSUAL)


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("member", [b'"id":"a"', b'"id_str":"a"', b'"id":"a","id_str":""'])
def test_an_id_in_the_value_wins_over_the_header(start: bytes, member: bytes) -> None:
    assert id_of(start + b'{"text":"so sad",' + member + b"}", [(TWEET_ID, b"old-1-2")]) == "a"


@pytest.mark.parametrize("content", [None, b""])
def test_an_empty_header_is_no_id(content: bytes | None) -> None:
    assert id_of(USUAL, [(TWEET_ID, content)]) == "tweets-3-7"


def test_the_last_header_counts_and_bytes_that_are_not_utf8_are_replaced() -> None:
    assert kept_id([(TWEET_ID, b"a"), (TWEET_ID, b"b\xff")]) == "b\ufffd"
    assert kept_id([("other", b"a")]) is None


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"1", 1), (b"12", 12), (b"", 0), (None, 0), (b"-1", 0), (b"one", 0), (b"9" * 10, 0), ("²".encode(), 0)],
)
def test_the_rounds_are_the_digits_of_the_header(content: bytes | None, expected: int) -> None:
    assert replay_round([(ROUND, content)]) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (USUAL, None),
        (UNUSUAL, None),
        (b'{"text":"a","id":7}', "7"),
        (b'{"id":"a"}', "a"),
        (b'{"data":{"text":"a","id":"b"}}', "b"),
        (b'{"text":"a","id":18446744073709551616}', "18446744073709551616"),
        (b"[1]", None),
        (b"not JSON", None),
        (b"", None),
        (None, None),
        (b'{"id":"a","text":"' + b"x" * tweet.MAX_VALUE_BYTES + b'"}', None),
    ],
)
def test_the_own_id_is_that_in_the_value_also_where_the_value_is_no_tweet(
    value: bytes | None, expected: str | None
) -> None:
    assert own_id(value) == expected


AT_MS = 1_700_000_000_000
KEPT = [(INPUT_TIMESTAMP, b"1600000000000"), (ROUND, b"1")]


@pytest.mark.parametrize(
    ("headers", "at_ms", "expected"),
    [
        ([], AT_MS, AT_MS),
        (KEPT, AT_MS, 1_600_000_000_000),
        (KEPT[:1], AT_MS, AT_MS),  # from another worker, not from a replay
        (KEPT[1:], AT_MS, AT_MS),
        ([(INPUT_TIMESTAMP, b"soon"), (ROUND, b"1")], AT_MS, AT_MS),
        (KEPT, -1, 1_600_000_000_000),
        (KEPT[:1], -1, 1_600_000_000_000),
        ([], -1, None),
    ],
)
def test_a_labelled_tweet_has_the_timestamp_of_the_first_record(
    headers: Headers, at_ms: int, expected: int | None
) -> None:
    record = a_record(USUAL, headers=headers, timestamp_ms=at_ms)
    assert first_timestamp_ms(record) == expected
    written = a_writer(10_000).write(decode(record, max_chars=100), record, a_prediction().json_members())
    assert input_timestamp_ms(written.headers) == expected
    assert list(written.headers[: len(headers)]) == list(headers)
    assert json.loads(written.value or b"")["id"] == "tweets-3-7"


def test_a_replayed_record_gets_no_second_timestamp() -> None:
    record = a_record(USUAL, headers=KEPT)
    written = a_writer(10_000).write(decode(record, max_chars=100), record, a_prediction().json_members())
    assert list(written.headers) == KEPT
