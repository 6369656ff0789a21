"""Read what the worker has committed, as any consumer would: read_committed, from the beginning, without a group."""

from collections import Counter
from types import TracebackType
from typing import Any, Final, Self

from kafka import TopicPartition

from deploy.local.errors import LocalError
from tweets.labelled_tweet import LabelledTweet, NotALabelledTweetError, decode
from worker.kafka.client import Consumer, consumer_arguments
from worker.settings import Settings

#: Records of one poll: enough to follow a fast replay, few enough to draw the progress between two polls.
_MAX_POLL_RECORDS: Final = 5_000


class CommittedOutput:
    """Read the output topic and the dead-letter topic from their beginnings and collect what arrives."""

    def __init__(self, settings: Settings) -> None:
        self.labelled: list[LabelledTweet] = []
        self.dead_lettered = 0
        self.counts: Counter[str] = Counter()
        self._output_topic = settings.kafka_output_topic
        self._consumer = Consumer(**consumer_arguments(settings), max_poll_records=_MAX_POLL_RECORDS)
        topics = (settings.kafka_output_topic, settings.kafka_dead_letter_topic)
        self._consumer.assign([partition for topic in topics for partition in self._partitions(topic)])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._consumer.close()

    @property
    def total(self) -> int:
        """The number of labelled tweets and dead letters read so far."""
        return len(self.labelled) + self.dead_lettered

    @property
    def duplicates(self) -> int:
        """The number of labelled tweets whose id an earlier labelled tweet has."""
        return len(self.labelled) - len({tweet.id for tweet in self.labelled})

    def read(self, wait_s: float) -> None:
        """Read the records that have arrived; wait at most `wait_s` for the first.

        Raises LocalError if a record on the output topic is not a labelled tweet.
        """
        for partition, records in self._consumer.poll(timeout_ms=round(wait_s * 1000)).items():
            if partition.topic == self._output_topic:
                tweets = [_labelled(record) for record in records]
                self.labelled += tweets
                self.counts.update(tweet.emotion for tweet in tweets)
            else:
                self.dead_lettered += len(records)

    def published(self, topic: str) -> int:
        """Return the number of records ever published to a topic whose producers use no transactions."""
        return sum(self._consumer.end_offsets(self._partitions(topic)).values())

    def _partitions(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for number in sorted(self._consumer.partitions_for_topic(topic) or ())]


def _labelled(record: Any) -> LabelledTweet:
    try:
        return decode(record.value)
    except NotALabelledTweetError as error:
        raise LocalError(f"{record.topic}[{record.partition}]@{record.offset}: {error}") from None
