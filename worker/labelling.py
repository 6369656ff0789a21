"""From fetched records to output records: decode, classify, encode. Independent of Kafka."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple

from tweets import dead_letter, labelled_tweet, tweet
from tweets.classifications import Classifications
from tweets.event_time import event_time_ms
from tweets.prediction import Prediction
from tweets.reasons import BadRecordError
from tweets.records import OutputRecord, Record
from tweets.timestamps import rfc3339_ms
from tweets.tweet import Tweet
from worker.errors import ExitCode, FatalError
from worker.inference.isolate import TextClassifier, classify_each
from worker.process.metrics import Metrics
from worker.watched_subjects import Find, WatchedSubjects

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OutputTopics:
    """The topics of the output records, and the size in bytes of the largest record that both topics accept."""

    labelled: str
    dead_letter: str
    max_record_bytes: int


@dataclass(slots=True)  # not frozen, see tweets/records.py
class RecordOutcome:
    """The result of one record: a labelled tweet with an emotion, or a dead letter with a reason.

    `emotion`, `confidence` and `unfamiliar_tokens` are those of the prediction. `label` is the label of the input
    tweet, if the tweet has one that the model knows. `event_ms` is the event time of a labelled tweet in Unix
    milliseconds, and `subjects` are its tweet topics.
    """

    record: Record
    output: OutputRecord
    emotion: str | None = None
    confidence: float = 0.0
    unfamiliar_tokens: float | None = None
    label: str | None = None
    reason: str | None = None
    event_ms: int = 0
    subjects: tuple[str, ...] = ()


_Labelling = tuple[str, float, float | None, bytes]
"""Emotion, confidence, unfamiliar tokens and JSON members of a prediction."""


class _BatchEncoding(NamedTuple):
    """What the labelled tweets of a batch share; `find` is None without tweet topics."""

    writer: labelled_tweet.LabelledTweetWriter
    classified_at_ms: int
    find: Find | None


class Labeller:
    """Turns each record into exactly one outcome."""

    def __init__(
        self,
        classifier: TextClassifier,
        topics: OutputTopics,
        metrics: Metrics,
        *,
        tweet_max_chars: int,
        subjects: WatchedSubjects | None = None,
    ) -> None:
        self._classifier = classifier
        self._topics = topics
        self._metrics = metrics
        self._tweet_max_chars = tweet_max_chars
        self._subjects = subjects

    @property
    def computed_texts(self) -> int:
        """How many texts the model has computed so far."""
        return self._classifier.computed_texts

    def reread_subjects(self) -> None:
        """Read TOPICS_FILE again if the file has changed."""
        if self._subjects is not None:
            self._subjects.reread()

    def label(self, records: Sequence[Record]) -> list[RecordOutcome]:
        """Return outcomes in the order of `records`. Raises FatalError if the model is broken."""
        with self._metrics.stage_seconds.labels("decode").time():
            decoded = [self._decode(record) for record in records]
        texts = [each.text for each in decoded if isinstance(each, Tweet)]
        predictions = classify_each(self._classifier.classify, self._classifier.probe, texts) if texts else []
        with self._metrics.stage_seconds.labels("encode").time():
            remaining = _columns(predictions)
            encoding = self._batch_encoding()
            return [
                self._labelled(record, each, next(remaining), encoding)
                if isinstance(each, Tweet)
                else self._dead_letter(record, each)
                for record, each in zip(records, decoded, strict=True)
            ]

    def refuse(self, outcomes: Sequence[RecordOutcome], refusals: Mapping[int, str]) -> list[RecordOutcome]:
        """Return the outcomes with a dead letter, reason `refused`, for each refused labelled tweet.

        `refusals` has the broker's reason by index. Raises FatalError if the broker refuses a dead letter too.
        """
        return [self._refused(outcome, refusals[n]) if n in refusals else outcome for n, outcome in enumerate(outcomes)]

    def _refused(self, outcome: RecordOutcome, reason: str) -> RecordOutcome:
        topic = outcome.output.topic
        place = f"{outcome.record.partition}@{outcome.record.offset}"
        if outcome.emotion is None:
            raise FatalError(
                f"topic {topic} refuses the dead letter of {place} ({reason}): check cleanup.policy, max.message.bytes "
                f"and message.timestamp.* of topic {topic}",
                ExitCode.TOPICS,
            )
        log.warning("%s: topic %s refuses the labelled tweet (%s): publishing a dead letter", place, topic, reason)
        return self._dead_letter(outcome.record, BadRecordError("refused", reason))

    def _batch_encoding(self) -> _BatchEncoding:
        classified_at_ms = time.time_ns() // 1_000_000
        writer = labelled_tweet.LabelledTweetWriter(
            topic=self._topics.labelled,
            model=self._classifier.model_id,
            classified_at=rfc3339_ms(classified_at_ms),
            max_bytes=self._topics.max_record_bytes,
        )
        return _BatchEncoding(writer, classified_at_ms, None if self._subjects is None else self._subjects.find)

    def _decode(self, record: Record) -> Tweet | BadRecordError:
        try:
            return tweet.decode(record, max_chars=self._tweet_max_chars)
        except BadRecordError as error:
            # The frames of its traceback hold the batch, and the batch holds the error: without this line, all records
            # of the batch stay in memory until Python's garbage collector runs, which does not count bytes.
            error.__context__ = None
            return error.with_traceback(None)

    def _labelled(
        self,
        record: Record,
        decoded: Tweet,
        prediction: _Labelling | BadRecordError,
        encoding: _BatchEncoding,
    ) -> RecordOutcome:
        if isinstance(prediction, BadRecordError):
            return self._dead_letter(record, prediction)
        emotion, confidence, unfamiliar_tokens, members = prediction
        subjects = encoding.find(decoded.text) if encoding.find else ()
        try:
            output = encoding.writer.write(decoded, record, members, subjects)
        except BadRecordError as error:
            return self._dead_letter(record, error)
        known = decoded.label if decoded.label in self._classifier.emotions else None
        first_ms = labelled_tweet.first_timestamp_ms(record)
        event_ms = event_time_ms(decoded.created_at, first_ms, encoding.classified_at_ms)
        return RecordOutcome(record, output, emotion, confidence, unfamiliar_tokens, known, None, event_ms, subjects)

    def _dead_letter(self, record: Record, error: BadRecordError) -> RecordOutcome:
        topics = self._topics
        output = dead_letter.encode(record, error, topic=topics.dead_letter, max_bytes=topics.max_record_bytes)
        return RecordOutcome(record, output, reason=error.reason)


def _columns(predictions: Sequence[Prediction | BadRecordError]) -> Iterator[_Labelling | BadRecordError]:
    """Yield what is needed of each prediction, from the columns unless the model failed on a text."""
    if isinstance(predictions, Classifications):
        shares = predictions.unfamiliar_tokens
        return zip(
            predictions.emotions,
            predictions.confidences.tolist(),
            repeat(None) if shares is None else shares.tolist(),
            predictions.json_members(),
            strict=False,
        )
    return (
        each
        if isinstance(each, BadRecordError)
        else (each.emotion, each.confidence, each.unfamiliar_tokens, each.json_members())
        for each in predictions
    )
