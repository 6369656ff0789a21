"""The requests and responses of the page's server: the shapes that its OpenAPI description shows."""

from datetime import datetime
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dashboard.shown_tweet import TEXT_SHOWN_CHARS, TOPICS_SHOWN
from tweets.periods import Unit

TEXTS_MAX: Final = 1_000
"""Texts in one request; a long request takes several calls of the model."""

BODY_MAX_BYTES: Final = 256 * 1024
"""Bytes of a request's body: about 1,000 texts of a tweet's length; the server holds each body in memory."""


class ExplainRequest(BaseModel):
    """A text to explain."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": "so happy to see you again"}]})

    text: str


class ClassifyRequest(BaseModel):
    """One text, or a list of texts."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"text": "so happy to see you again"}, {"texts": ["what a day", "leave me alone"]}],
            "oneOf": [
                {"required": ["text"], "properties": {"text": {"type": "string"}}},
                {"required": ["texts"], "properties": {"texts": {"type": "array"}}},
            ],
        },
    )

    text: str | None = Field(None, description="one text")
    texts: list[str] | None = Field(None, description="or several texts", min_length=1, max_length=TEXTS_MAX)

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.text is None) == (self.texts is None):
            raise ValueError("send either text, a string, or texts, a list of strings")
        return self


class LabelResponse(BaseModel):
    """A text's label: `scores` sum to 1, `confidence` is the highest score, `emotion` is the label with that score.

    If `neutral` is above NEUTRAL_THRESHOLD, `emotion` is "neutral" and `confidence` is the value of `neutral`.
    """

    emotion: str
    confidence: float
    scores: dict[str, float]
    neutral: float | None = Field(
        None, description="probability that the text shows none of the labels; only from a model with a neutral output"
    )
    model: str


class LabelsResponse(BaseModel):
    """A label for each text, in the order of the request."""

    results: list[LabelResponse]


class WordEffect(BaseModel):
    """A word and its effect: `fall` is how much the label's score falls if the word is left out.

    A negative `fall` is a rise; null marks a word that was not tried.
    """

    word: str
    fall: float | None


class ExplainResponse(LabelResponse):
    """A text's label, and the effect of each word on the label's score, in the order of the text."""

    words: list[WordEffect]


class StatsResponse(BaseModel):
    """How often the model was called since the start of the server, and with how many texts in all."""

    model_calls: int
    texts: int


_TIME: Final[dict[str, Any]] = {"format": "date-time"}


class SeriesQuery(BaseModel):
    """Which periods of which tweets."""

    model_config = ConfigDict(extra="forbid")

    topic: str = Field("", description="name of a tweet topic; empty: all tweets")
    first: str | None = Field(
        None,
        alias="from",
        description="from the period of this time, RFC 3339; without it 60 minutes, 24 hours or 30 days up to `to`",
        json_schema_extra=_TIME,
    )
    end: str | None = Field(
        None,
        alias="to",
        description="only periods that begin before this time, RFC 3339; without it up to the period of now",
        json_schema_extra=_TIME,
    )
    step: Unit = Field("minute", description="length of a period, in UTC")


class PeriodCounts(BaseModel):
    """The tweets of the period that begins at `start`; an emotion that no tweet got is not in `counts`."""

    start: datetime
    counts: dict[str, int]


class SeriesResponse(BaseModel):
    """Every period is in `series`, oldest first; one without a tweet has empty `counts`.

    A tweet counts in the period of its event time. `since` is when a tweet topic began to be counted: before it, the
    counts are empty.
    """

    topic: str
    step: Unit
    since: datetime | None = None
    series: list[PeriodCounts]


class SurestQuery(BaseModel):
    """Which minute of which tweets."""

    model_config = ConfigDict(extra="forbid")

    minute: str = Field(description="a time in the minute, RFC 3339", json_schema_extra=_TIME)
    topic: str = Field("", description="name of a tweet topic; empty: all tweets")


class SurestTweet(BaseModel):
    """A labelled tweet; `place` is `partition@offset` on the output topic, `at` its Unix time there, in seconds."""

    place: str
    at: float
    text: str = Field(description=f"the first {TEXT_SHOWN_CHARS} characters, and … where there are more")
    emotion: str
    confidence: float
    scores: dict[str, float]
    neutral: float | None
    label: str | None
    topics: list[str] = Field(description=f"the first {TOPICS_SHOWN} tweet topics of the tweet")


class SurestResponse(BaseModel):
    """The surest tweets of different texts among the `read` records that were published from the minute on.

    `matching` of these records are of this minute and tweet topic. `stopped`: "end" at the end of the output topic,
    "records" after `read_max` records, "time" after 20 seconds; records that were published from `until` on may not
    have been read then.
    """

    minute: datetime
    topic: str
    tweets: list[SurestTweet]
    matching: int
    read: int
    read_max: int
    stopped: Literal["end", "records", "time"]
    until: datetime | None


class Topic(BaseModel):
    """A tweet topic, and since when it is counted."""

    name: str
    since: datetime


class TopicsResponse(BaseModel):
    """The tweet topics by name, also those that are not counted any more."""

    topics: list[Topic]


class Hashtag(BaseModel):
    """A hashtag in lower case, and how often it was used: the estimates of both hours are never too low.

    `hour_before` is null while nothing of the hour before was read: then the most frequent hashtags are listed.
    """

    hashtag: str
    last_hour: int
    last_hour_at_least: int
    hour_before: int | None


class HashtagsResponse(BaseModel):
    """The hashtags that rise most, of those that were used at least `times_min` times in the last hour.

    The hour moves in steps of five minutes. No estimate of the last hour is too high by more than `error_max`. Tweets
    were read since `from`, and `minutes_before` of the hour before.
    """

    model_config = ConfigDict(populate_by_name=True)

    approximate: Literal[True]
    since: datetime = Field(alias="from")
    minutes_before: int
    times_min: int
    error_max: int
    hashtags: list[Hashtag]


class ErrorResponse(BaseModel):
    """What is wrong, in one sentence."""

    error: str
