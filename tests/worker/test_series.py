"""Which periods a question about time means, and how they are printed."""

import csv
import io
import json
from typing import Final

import pytest

from tweets.periods import PERIOD_MS, Unit
from tweets.timestamps import rfc3339_s
from worker.series import PERIODS_MAX, Series, SeriesError, Span, moment_ms, span_of
from worker.series_forms import Form, write

NOW_MS: Final = 1_778_000_030_000
"""2026-05-05T16:53:50Z."""


def asked(unit: Unit, first: str | None = None, end: str | None = None) -> list[str]:
    """Return the starts of the periods that a question means."""
    return [start for _, start in span_of(unit, first, end, now_ms=NOW_MS).starts()]


@pytest.mark.parametrize(
    ("unit", "periods", "first", "last"),
    [
        ("minute", 60, "2026-05-05T15:54:00Z", "2026-05-05T16:53:00Z"),
        ("hour", 24, "2026-05-04T17:00:00Z", "2026-05-05T16:00:00Z"),
        ("day", 30, "2026-04-06T00:00:00Z", "2026-05-05T00:00:00Z"),
    ],
)
def test_without_times_the_last_periods_up_to_now_are_meant(unit: Unit, periods: int, first: str, last: str) -> None:
    found = asked(unit)
    assert (len(found), found[0], found[-1]) == (periods, first, last)


def test_the_beginning_is_included_and_the_end_is_not() -> None:
    assert asked("minute", "2026-05-05T10:00:00Z", "2026-05-05T10:02:00Z") == [
        "2026-05-05T10:00:00Z",
        "2026-05-05T10:01:00Z",
    ]
    assert asked("hour", "2026-05-05T10:59:59.999Z", "2026-05-05T11:00:00.001Z") == [
        "2026-05-05T10:00:00Z",
        "2026-05-05T11:00:00Z",
    ]


@pytest.mark.parametrize("text", ["2026-05-05T12:30:00+02:00", "2026-05-05T12:30:00 02:00", "2026-05-05t10:30:00z"])
def test_a_time_may_have_an_offset_of_which_an_address_may_have_lost_the_plus(text: str) -> None:
    assert asked("minute", text, "2026-05-05T10:31:00Z") == ["2026-05-05T10:30:00Z"]


def test_an_end_alone_means_the_periods_before_it() -> None:
    assert asked("day", end="2026-01-31T00:00:00Z")[::29] == ["2026-01-01T00:00:00Z", "2026-01-30T00:00:00Z"]
    assert asked("day", end="1970-01-01T00:00:00Z") == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("yesterday", "from"),
        ("2026-05-05", "from"),
        ("2026-05-05T10:00:00", "from"),
        ("2026-02-30T10:00:00Z", "from"),
        ("1969-12-31T23:59:59Z", "from"),
        ("0001-01-01T00:00:00+23:59", "from"),
        ("9999-12-31T23:59:59-23:59", "from"),
        ("1778000030", "from"),
        ("٢٠٢٦-05-05T10:00:00Z", "from"),
        ("", "from"),
    ],
)
def test_anything_but_a_time_in_rfc_3339_is_refused_by_name(text: str, name: str) -> None:
    with pytest.raises(SeriesError, match="is no time in RFC 3339") as refused:
        moment_ms(name, text)
    assert refused.value.field == name


@pytest.mark.parametrize(
    ("first", "end", "words"),
    [
        ("2026-05-05T10:00:00Z", "2026-05-05T10:00:00Z", "is not before 2026-05-05T10:00:00Z, the value of to"),
        ("2026-05-06T10:00:00Z", None, "is not before the present moment"),
        ("2026-05-01T10:00:00Z", None, "minutes are more than the 3,000 of an answer"),
    ],
)
def test_an_empty_and_a_too_long_time_are_refused(first: str, end: str | None, words: str) -> None:
    with pytest.raises(SeriesError, match=words):
        asked("minute", first, end)


def test_exactly_the_most_periods_are_allowed() -> None:
    first = rfc3339_s((NOW_MS - (PERIODS_MAX - 1) * PERIOD_MS["minute"]) // 1000)
    assert len(asked("minute", first)) == PERIODS_MAX


def written(form: Form) -> str:
    first = NOW_MS // PERIOD_MS["hour"]
    counts = {first + 1: {"joy": 1200, "other": 3}}
    out = io.StringIO()
    write(Series("brand-x", Span("hour", first, first + 1), counts, since_s=NOW_MS // 1000), form, out)
    return out.getvalue()


def test_csv_has_a_row_for_each_period_and_a_column_for_each_label() -> None:
    rows = list(csv.DictReader(io.StringIO(written("csv"))))
    assert [row["start"] for row in rows] == ["2026-05-05T16:00:00Z", "2026-05-05T17:00:00Z"]
    assert [(row["joy"], row["neutral"], row["other"]) for row in rows] == [("0", "0", "0"), ("1200", "0", "3")]


def test_json_is_the_answer_of_the_server() -> None:
    assert json.loads(written("json")) == {
        "topic": "brand-x",
        "step": "hour",
        "since": "2026-05-05T16:53:50Z",
        "series": [
            {"start": "2026-05-05T16:00:00Z", "counts": {}},
            {"start": "2026-05-05T17:00:00Z", "counts": {"joy": 1200, "other": 3}},
        ],
    }


def test_the_table_names_the_tweet_topic_and_has_the_sums() -> None:
    table = written("table")
    assert "tweet topic brand-x" in table
    assert table.splitlines()[-1].split() == ["all", "·", "1,200", "·", "·", "·", "·", "·", "3", "1,203"]
