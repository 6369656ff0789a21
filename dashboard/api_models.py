"""The requests and responses of the page's server: the shapes that its OpenAPI description shows."""

from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

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


class ErrorResponse(BaseModel):
    """What is wrong, in one sentence."""

    error: str
