"""A labelled tweet as the page shows it: with its place on the output topic, its time and its latency."""

from dataclasses import dataclass
from typing import Any, Final

from tweets.emotions import NEUTRAL
from tweets.labelled_tweet import LabelledTweet, decode, input_timestamp_ms
from tweets.records import Headers
from tweets.replayed import replay_round
from tweets.timestamps import unix_ms

TEXT_SHOWN_CHARS: Final = 400
"""Characters of a text that the page shows, more than any tweet's; each open page is sent up to 20 texts a second."""

TOPICS_SHOWN: Final = 10
"""Tweet topics of a tweet that the page shows; a tweet may belong to a hundred."""

SHOWN_DIGITS: Final = 3
"""Decimals of the scores that a page is sent: the page shows tenths of a percent."""


@dataclass(frozen=True, slots=True)
class ShownTweet:
    """A labelled tweet, the `place` of its record (`partition@offset`) and the record's time in Unix seconds.

    `latency_s` runs from the tweet's `created_at` to its record on the output topic; None without a `created_at`.
    `neutral_is_a_label` is true where NEUTRAL_THRESHOLD is set. `input_at_s` is the time of the input record; None for
    a record of a worker that did not keep this time, and for a replayed record.
    """

    place: str
    at_s: float
    tweet: LabelledTweet
    latency_s: float | None = None
    neutral_is_a_label: bool = False
    input_at_s: float | None = None

    @property
    def emotion(self) -> str:
        """The predicted label."""
        return self.tweet.emotion

    @property
    def label(self) -> str | None:
        """The label that the tweet itself carries, if the model can give that label."""
        label = self.tweet.label
        neutral = label == NEUTRAL and self.neutral_is_a_label and self.tweet.neutral is not None
        return label if neutral or label in self.tweet.scores else None

    def as_json(self) -> dict[str, Any]:
        """Return the fields that a page is sent; a long text is cut, scores have three decimals."""
        text, neutral = self.tweet.text, self.tweet.neutral
        return {
            "place": self.place,
            "at": round(self.at_s, 3),
            "text": f"{text[:TEXT_SHOWN_CHARS]}…" if len(text) > TEXT_SHOWN_CHARS else text,
            "emotion": self.emotion,
            "confidence": self.tweet.confidence,
            "scores": {label: round(score, SHOWN_DIGITS) for label, score in self.tweet.scores.items()},
            "neutral": None if neutral is None else round(neutral, SHOWN_DIGITS),
            "label": self.label,
            "topics": list(self.tweet.topics[:TOPICS_SHOWN]),
        }


def read_shown_tweet(
    value: bytes | None, *, place: str, timestamp_ms: int, neutral_is_a_label: bool = False, headers: Headers = ()
) -> ShownTweet | None:
    """Return the labelled tweet in a record's value; None for a record that no worker can have written."""
    try:
        tweet = decode(value)
        # A replayed record has the time of the first record, which is no sign of how far the workers have come.
        at_s, input_ms = timestamp_ms / 1000, None if replay_round(headers) else input_timestamp_ms(headers)
        input_at_s = None if input_ms is None else input_ms / 1000
        return ShownTweet(place, at_s, tweet, _latency_s(tweet.created_at, at_s), neutral_is_a_label, input_at_s)
    except ValueError:  # NotALabelledTweetError is a ValueError, and a `created_at` in another format raises one
        return None


def _latency_s(created_at: str | None, at_s: float) -> float | None:
    if created_at is None:
        return None
    created_ms = unix_ms(created_at)
    if created_ms is None:
        raise ValueError("created_at is no time in RFC 3339")
    return at_s - created_ms / 1000
