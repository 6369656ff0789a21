"""The time of a tweet that its minute, hour and day are taken from. Every reader of the output topic can compute it."""

from typing import Final

from tweets.labelled_tweet import LabelledTweet, input_timestamp_ms
from tweets.records import Headers
from tweets.timestamps import unix_ms

FUTURE_MAX_MS: Final = 5 * 60_000
"""A time further after the prediction than this is wrong: one record of 9999 would close all minutes."""


def event_time_ms(created_at: str | None, input_timestamp: int | None, classified_at_ms: int) -> int:
    """Return the event time in Unix milliseconds.

    It is `created_at`, in RFC 3339, else the timestamp of the input record in Unix milliseconds, else the time of the
    prediction. A time more than FUTURE_MAX_MS after the prediction is replaced by the time of the prediction.
    """
    event_ms = None if created_at is None else unix_ms(created_at)
    if event_ms is None:
        event_ms = classified_at_ms if input_timestamp is None else input_timestamp
    return classified_at_ms if event_ms > classified_at_ms + FUTURE_MAX_MS else event_ms


def labelled_event_time_ms(tweet: LabelledTweet, headers: Headers) -> int:
    """Return the event time of a record on the output topic. Raises ValueError if `classified_at` is no time."""
    return event_time_ms(tweet.created_at, input_timestamp_ms(headers), classified_at_ms(tweet))


def classified_at_ms(tweet: LabelledTweet) -> int:
    """Return the time of the prediction in Unix milliseconds. Raises ValueError if it is no time."""
    found = unix_ms(tweet.classified_at)
    if found is None:
        raise ValueError(f"classified_at is no time in RFC 3339: {tweet.classified_at[:40]!r}")
    return found
