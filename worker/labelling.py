"""From fetched records to the records that are published: decode, classify, encode. Knows nothing of Kafka."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from worker.errors import BadMessage
from worker.isolate import classify_each
from worker.messages import Outgoing, Prediction, Record, Tweet, dead_letter, decode, labelled_tweet, rfc3339_now
from worker.metrics import Metrics


class Classifier(Protocol):
    """A model that labels texts."""

    @property
    def model_id(self) -> str:
        """What labelled tweets name as their model."""

    def classify(self, texts: Sequence[str]) -> Sequence[Prediction]:
        """A prediction for each text. May raise anything."""

    def probe(self) -> None:
        """Raises if texts whose scores are known come out otherwise."""


@dataclass(frozen=True, slots=True)
class Output:
    """Where results go and how large they may be."""

    topic: str
    dead_letter_topic: str
    max_record_bytes: int


@dataclass(frozen=True, slots=True)
class Result:
    """What becomes of one record: a labelled tweet where there is a prediction, else a dead letter with a reason."""

    record: Record
    outgoing: Outgoing
    prediction: Prediction | None = None
    label: str | None = None
    """What the tweet says its emotion is, where that is one of the model's labels."""
    reason: str | None = None


class Labeller:
    """Turns each record into exactly one result."""

    def __init__(self, classifier: Classifier, output: Output, metrics: Metrics, *, tweet_max_chars: int) -> None:
        self._classifier = classifier
        self._output = output
        self._metrics = metrics
        self._tweet_max_chars = tweet_max_chars

    def label(self, records: Sequence[Record]) -> list[Result]:
        """Results in the order of `records`. Raises Fatal if the model is broken."""
        with self._metrics.stage_seconds.labels("decode").time():
            outcomes = [self._decode(record) for record in records]
        texts = [tweet.text for tweet in outcomes if isinstance(tweet, Tweet)]
        predictions = classify_each(self._classifier.classify, self._classifier.probe, texts) if texts else []
        remaining = iter(predictions)
        now = rfc3339_now()
        return [
            self._labelled(record, outcome, next(remaining), now)
            if isinstance(outcome, Tweet)
            else self._dead_letter(record, outcome)
            for record, outcome in zip(records, outcomes, strict=True)
        ]

    def _decode(self, record: Record) -> Tweet | BadMessage:
        try:
            return decode(record, max_chars=self._tweet_max_chars)
        except BadMessage as error:
            return error

    def _labelled(self, record: Record, tweet: Tweet, prediction: Prediction | BadMessage, now: str) -> Result:
        if isinstance(prediction, BadMessage):
            return self._dead_letter(record, prediction)
        try:
            outgoing = labelled_tweet(
                tweet,
                record,
                prediction,
                topic=self._output.topic,
                model=self._classifier.model_id,
                classified_at=now,
                max_bytes=self._output.max_record_bytes,
            )
        except BadMessage as error:
            return self._dead_letter(record, error)
        known = tweet.label if tweet.label in prediction.scores else None
        return Result(record, outgoing, prediction=prediction, label=known)

    def _dead_letter(self, record: Record, error: BadMessage) -> Result:
        output = self._output
        outgoing = dead_letter(record, error, topic=output.dead_letter_topic, max_bytes=output.max_record_bytes)
        return Result(record, outgoing, reason=error.reason)
