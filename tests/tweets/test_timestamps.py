"""The times of tweets: what is a time, and how it is published."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tweets.timestamps import as_rfc3339, rfc3339_ms, rfc3339_s, unix_ms


@pytest.mark.parametrize(
    ("given_time", "published"),
    [
        ("Wed Oct 10 20:19:24 +0000 2018", "2018-10-10T20:19:24Z"),
        ("Wed Oct 10 22:19:24 +0200 2018", "2018-10-10T20:19:24Z"),
        ("Mon Dec 31 20:00:00 -0430 2018", "2019-01-01T00:30:00Z"),
        ("Wed Oct  3 20:19:24 +0000 2018", "2018-10-03T20:19:24Z"),
        (1539202764, "2018-10-10T20:19:24Z"),
        ("1539202764", "2018-10-10T20:19:24Z"),
        (1539202764.5, "2018-10-10T20:19:24.500Z"),
        ("1539202764.123", "2018-10-10T20:19:24.123Z"),
        (1539202764123, "2018-10-10T20:19:24.123Z"),
        (1539202764123.9, "2018-10-10T20:19:24.123Z"),
        ("1539202764123", "2018-10-10T20:19:24.123Z"),
        (1539202764000, "2018-10-10T20:19:24Z"),
    ],
)
def test_times_of_twitter_and_unix_times_are_published_as_rfc_3339(given_time: object, published: str) -> None:
    assert as_rfc3339(given_time) == published


@pytest.mark.parametrize("time", ["2018-10-10T20:19:24.000Z", "2018-10-10t20:19:24.5z", "2018-10-10 20:19:24+02:00"])
def test_rfc_3339_is_unchanged_with_a_fraction_and_in_lower_case(time: str) -> None:
    assert as_rfc3339(time) == time


@pytest.mark.parametrize(
    "value",
    [
        "Wed Feb 30 20:19:24 +0000 2018",
        "Wed Foo 10 20:19:24 +0000 2018",
        "wed oct 10 20:19:24 +0000 2018",
        "Wed Oct 10 20:19:24 2018",
        "Wed Oct 10 20:19:60 +0000 2018",
        "Mon Jan 01 00:00:00 +1400 0001",
        "Mon Jan 01 00:00:00 +9900 2018",
        "Wed Oct 10 20:19:24 +0000 2018\n",
        1539202764123456,
        "1539202764123456",
        1539202764123456789,
        20181010,
        "20181010",
        20181010201924,
        0,
        -1539202764,
        10**400,
        float("nan"),
        float("inf"),
        True,
        None,
        [1539202764],
    ],
)
def test_anything_else_is_no_time(value: object) -> None:
    assert as_rfc3339(value) is None


@given(st.integers(10**12, 10**13 - 1))
def test_every_unix_time_in_milliseconds_is_published_to_the_millisecond(milliseconds: int) -> None:
    published = datetime.fromisoformat(as_rfc3339(milliseconds) or "")
    assert abs(published.timestamp() * 1000 - milliseconds) <= 1
    assert published.tzinfo == UTC


@given(st.text(max_size=40) | st.floats() | st.integers() | st.from_regex(r"\w{3} \w{3} \d\d [0-9:]{8} \+\d{4} \d{4}"))
def test_no_value_raises_an_error(value: object) -> None:
    published = as_rfc3339(value)
    assert published is None or datetime.fromisoformat(published.upper().replace(" ", "T")).tzinfo is not None


@given(st.integers(0, 253_402_300_799_999))
def test_a_time_that_is_written_is_the_time_that_is_read(at_ms: int) -> None:
    assert unix_ms(rfc3339_ms(at_ms)) == at_ms
    assert unix_ms(rfc3339_s(at_ms // 1000)) == at_ms // 1000 * 1000
    assert as_rfc3339(rfc3339_ms(at_ms)) == rfc3339_ms(at_ms)


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("1970-01-01T00:00:01.0019Z", 1_001),
        ("1969-12-31T23:59:59.9991Z", -1),
        ("1970-01-01t02:00:01.5+02:00", 1_500),
        ("1970-01-01 00:00:00z", 0),
        ("1970-01-01T00:00:00", None),  # without a zone it is no moment
        ("1970-01-01", None),
        ("1970-W01-4T00:00:00Z", None),
        ("19700101T000000Z", None),
        ("1970-02-30T00:00:00Z", None),
        ("1970-01-01T00:00:00Z ", None),
        ("٠970-01-01T00:00:00Z", None),
    ],
)
def test_only_rfc_3339_is_read_rounded_down_to_the_millisecond(text: str, at_ms: int | None) -> None:
    assert unix_ms(text) == at_ms
