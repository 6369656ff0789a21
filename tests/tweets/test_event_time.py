"""The event time of a tweet: which of its times counts, and what a wrong one is replaced by."""

import pytest

from tweets.event_time import FUTURE_MAX_MS, event_time_ms, labelled_event_time_ms
from tweets.headers import INPUT_TIMESTAMP
from tweets.labelled_tweet import LabelledTweet

CLASSIFIED_MS = 1_800_000_000_000  # 2027-01-15T08:00:00Z


def labelled(created_at: str | None = None, classified_at: str = "2027-01-15T08:00:00.000Z") -> LabelledTweet:
    return LabelledTweet(
        id="1",
        text="so happy",
        emotion="joy",
        confidence=0.9,
        scores={"joy": 0.9},
        model="m",
        classified_at=classified_at,
        created_at=created_at,
    )


@pytest.mark.parametrize(
    ("created_at", "input_ms", "expected_ms"),
    [
        ("2027-01-15T07:59:00Z", 5, CLASSIFIED_MS - 60_000),
        ("2027-01-15T09:59:00.250+02:00", None, CLASSIFIED_MS - 59_750),
        ("2027-01-15 07:59:00z", None, CLASSIFIED_MS - 60_000),
        (None, CLASSIFIED_MS - 7, CLASSIFIED_MS - 7),
        (None, None, CLASSIFIED_MS),
        ("no time", CLASSIFIED_MS - 7, CLASSIFIED_MS - 7),
        ("2027-01-15T07:59:00", CLASSIFIED_MS - 7, CLASSIFIED_MS - 7),  # without a zone it is no moment
        ("1970-01-01T00:00:00Z", None, 0),
        ("0001-01-01T00:00:00+14:00", None, -62_135_647_200_000),
        ("2027-01-15T08:05:00Z", None, CLASSIFIED_MS + FUTURE_MAX_MS),
        ("2027-01-15T08:05:00.001Z", None, CLASSIFIED_MS),
        ("9999-12-31T23:59:59Z", None, CLASSIFIED_MS),
        (None, 253_402_300_799_000, CLASSIFIED_MS),
    ],
)
def test_the_first_usable_time_counts_unless_it_is_in_the_future(
    created_at: str | None, input_ms: int | None, expected_ms: int
) -> None:
    assert event_time_ms(created_at, input_ms, CLASSIFIED_MS) == expected_ms


def test_a_reader_of_the_output_topic_finds_the_same_time() -> None:
    headers = [(INPUT_TIMESTAMP, b"%d" % (CLASSIFIED_MS - 5))]
    assert labelled_event_time_ms(labelled(), headers) == CLASSIFIED_MS - 5
    assert labelled_event_time_ms(labelled("2027-01-15T07:59:00Z"), headers) == CLASSIFIED_MS - 60_000
    assert labelled_event_time_ms(labelled(), ()) == CLASSIFIED_MS


def test_a_labelled_tweet_without_a_time_of_its_prediction_is_refused() -> None:
    with pytest.raises(ValueError, match="classified_at"):
        labelled_event_time_ms(labelled(classified_at="yesterday"), ())
