"""The dead letter as operators see it, and the original that a replay sends again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.records import a_record
from tests.worker.letters import AT_MS, DEAD, a_letter, buried, letter
from tweets.dead_letter import ERRORS, MESSAGE, OFFSET, PARTITION, TOPIC, TRUNCATED
from tweets.headers import INPUT_TIMESTAMP
from tweets.labelled_tweet import input_timestamp_ms
from tweets.reasons import REASONS
from tweets.records import Headers, Partition, Record
from tweets.replayed import ROUND, TWEET_ID
from tweets.tweet import decode
from worker.dead_letters.letter import UNKNOWN
from worker.dead_letters.selection import Selection

OWN = st.text(max_size=12).filter(lambda name: not name.startswith(ERRORS) and not name.startswith("emotion."))
"""The names of headers of other programs."""


@pytest.mark.parametrize("reason", REASONS)
def test_a_dead_letter_has_its_reason_and_the_place_of_its_input_record(reason: str) -> None:
    found = letter(buried(a_record(), reason, offset=9))
    assert (found.reason, found.message) == (reason, f"{reason}: because")
    assert (found.source, found.source_offset) == (Partition("tweets", 3), 7)
    assert (found.place, found.at_ms, found.truncated, found.rounds) == (f"{DEAD}[3]@9", AT_MS, False, 0)


@pytest.mark.parametrize(
    "headers",
    [
        (),
        [(TOPIC, b"tweets"), (PARTITION, b"0")],
        [(TOPIC, b""), (PARTITION, b"0"), (OFFSET, b"0")],
        [(TOPIC, b"tweets"), (PARTITION, b"-1"), (OFFSET, b"0")],
        [(TOPIC, b"tweets"), (PARTITION, b"0"), (OFFSET, b"9" * 20)],
        [(TOPIC, None), (PARTITION, None), (OFFSET, None), (MESSAGE, None)],
    ],
)
def test_a_record_that_no_worker_wrote_has_no_source_and_an_unknown_reason(headers: Headers) -> None:
    found = letter(Record(Partition(DEAD, 0), 0, AT_MS, None, b"x", headers))
    assert (found.reason, found.source) == (UNKNOWN, None)


def test_a_time_that_cannot_be_written_is_unknown() -> None:
    assert letter(a_letter(at_ms=-1)).at_ms is None
    assert letter(a_letter(at_ms=2**62)).at_ms is None


@given(
    st.none() | st.binary(max_size=20),
    st.none() | st.binary(max_size=50),
    st.lists(st.tuples(OWN, st.binary(max_size=20)), max_size=4),
)
def test_the_original_has_key_value_partition_and_own_headers_of_the_input_record(
    key: bytes | None, value: bytes | None, headers: Headers
) -> None:
    original = letter(buried(a_record(value, key=key, headers=headers))).original("tweets")
    assert (original.topic, original.partition) == ("tweets", 3)
    assert (original.key, original.value) == (key, value)
    assert list(original.headers[: len(headers)]) == list(headers)
    added = [name for name, _ in original.headers[len(headers) :]]
    assert added == [TWEET_ID, INPUT_TIMESTAMP, ROUND]
    assert not any(name.startswith(ERRORS) for name, _ in original.headers)


def test_a_tweet_with_an_id_gets_no_header_for_the_id() -> None:
    names = [name for name, _ in letter(buried(a_record(b'{"id":"a"}'))).original("tweets").headers]
    assert names == [INPUT_TIMESTAMP, ROUND]


def test_every_round_keeps_the_first_id_and_time_and_counts() -> None:
    record = a_record(b'{"text":"so sad"}', offset=7)
    first_id = decode(record, max_chars=100).id
    for round_number in range(1, 4):
        original = letter(buried(record, "text_too_long", at_ms=AT_MS + round_number)).original("tweets")
        assert dict(original.headers) == {
            TWEET_ID: first_id.encode(),
            INPUT_TIMESTAMP: b"%d" % (AT_MS + 1),
            ROUND: b"%d" % round_number,
        }
        record = a_record(original.value, offset=100 + round_number, headers=original.headers)
        assert decode(record, max_chars=100).id == first_id


def test_an_input_timestamp_that_a_replayed_record_has_is_kept() -> None:
    headers = [(INPUT_TIMESTAMP, b"1600000000000"), (ROUND, b"1")]
    original = letter(buried(a_record(headers=headers))).original("tweets")
    assert input_timestamp_ms(original.headers) == 1_600_000_000_000


def test_an_input_timestamp_of_another_stream_is_not_that_of_the_first_record() -> None:
    headers = [(INPUT_TIMESTAMP, b"1600000000000")]
    original = letter(buried(a_record(headers=headers))).original("tweets")
    assert input_timestamp_ms(original.headers) == AT_MS
    assert original.headers[0] == headers[0]


def test_headers_of_earlier_dead_letters_are_removed_too_and_the_last_ones_count() -> None:
    again = a_record(headers=buried(a_record(offset=1), "no_text").headers, offset=2)
    found = letter(buried(again, "not_json"))
    assert (found.reason, found.source_offset) == ("not_json", 2)
    assert not any(name.startswith(ERRORS) for name, _ in found.original("tweets").headers)


def test_a_record_that_the_worker_cut_is_truncated_and_a_header_of_that_name_alone_says_nothing() -> None:
    assert letter(buried(a_record(b"x" * 3_000), max_bytes=2_000)).truncated
    assert letter(buried(a_record(b"x", headers=[("h", b"1" * 3_000)]), max_bytes=2_000)).truncated
    own = letter(buried(a_record(headers=[(TRUNCATED, b"true")])))
    assert not own.truncated
    assert (TRUNCATED, b"true") in own.original("tweets").headers


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(), True),
        (Selection(("no_text", "not_json")), True),
        (Selection(("no_text",)), False),
        (Selection(since_ms=AT_MS), True),
        (Selection(since_ms=AT_MS + 1), False),
        (Selection(until_ms=AT_MS), False),
        (Selection(until_ms=AT_MS + 1), True),
        (Selection(("not_json",), AT_MS, AT_MS + 1), True),
    ],
)
def test_a_selection_is_by_reason_and_by_time(selection: Selection, *, expected: bool) -> None:
    assert selection.selects(letter(a_letter())) is expected


def test_a_dead_letter_without_a_time_is_in_no_span_of_time() -> None:
    timeless = letter(a_letter(at_ms=-1))
    assert Selection().selects(timeless)
    assert not Selection(since_ms=0).selects(timeless)
    assert not Selection(until_ms=2**60).selects(timeless)
