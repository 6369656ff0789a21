"""What people send to the page's server and what they get: the shapes that its OpenAPI page shows."""

import json
from collections.abc import Sequence
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tweets.prediction import Prediction
from tweets.reasons import BadRecordError
from tweets.records import Partition, Record
from tweets.tweet import decode

TEXTS_MAX: Final = 1_000
BODY_MAX_BYTES: Final = 256 * 1024

_NOWHERE: Final = Partition("request", 0)


class OneText(BaseModel):
    """A text to explain."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": "so happy to see you again"}]})

    text: str


class Texts(BaseModel):
    """One text or several."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"text": "so happy to see you again"}, {"texts": ["what a day", "leave me alone"]}]
        },
    )

    text: str | None = Field(None, description="one text")
    texts: list[str] | None = Field(None, description="or several", min_length=1, max_length=TEXTS_MAX)

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.text is None) == (self.texts is None):
            raise ValueError("send either text, a string, or texts, a list of strings")
        return self


class Result(BaseModel):
    """A text's label: `scores` sum to 1, `emotion` and `confidence` are their maximum."""

    emotion: str
    confidence: float
    scores: dict[str, float]
    model: str


class Results(BaseModel):
    """One result for each text, in order."""

    results: list[Result]


class Word(BaseModel):
    """A word, and by how much the label's score falls without it; below 0 it rises, null: not tried."""

    word: str
    fall: float | None


class Explanation(Result):
    """A result and the text's words, in order."""

    words: list[Word]


class Statistics(BaseModel):
    """How often the model was called since the start, and with how many texts in all."""

    model_calls: int
    texts: int


class Error(BaseModel):
    """What is wrong, in one sentence."""

    error: str


class RefusedError(Exception):
    """A request that cannot be answered; `status` is HTTP's."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def readable(texts: Sequence[str], *, max_chars: int, many: bool) -> list[str]:
    """The texts as a worker would read them from tweets. Raises RefusedError for one that would be a dead letter."""
    found = []
    for number, text in enumerate(texts):
        value = json.dumps({"text": text}).encode()
        try:
            found.append(decode(Record(_NOWHERE, number, 0, None, value), max_chars=max_chars).text)
        except BadRecordError as error:
            raise unclassifiable(error, f"texts[{number}]" if many else "text") from None
    return found


def unclassifiable(error: BadRecordError, name: str) -> RefusedError:
    """The refusal of one text."""
    reason, _, detail = str(error).partition(": ")
    return RefusedError(422, f"{name}: {'the model fails on it' if reason == 'classifier_failed' else detail}")


def as_result(prediction: Prediction, model: str) -> dict[str, Any]:
    """A Result; scores are rounded to six digits, as on the output topic."""
    return {
        "emotion": prediction.emotion,
        "confidence": round(prediction.confidence, 6),
        "scores": {name: round(score, 6) for name, score in prediction.scores.items()},
        "model": model,
    }
