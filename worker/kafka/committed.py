"""Reads the committed counts of the group from the offset metadata, and recounts the output topic."""

import time
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from kafka import TopicPartition

from tweets.event_time import classified_at_ms, labelled_event_time_ms
from tweets.labelled_tweet import LabelledTweet, NotALabelledTweetError, decode
from tweets.periods import CountedTweet
from tweets.records import Partition
from worker import time_limits
from worker.counts import CommittedCounts, RunningCounts
from worker.deadline import NEVER, Deadline
from worker.errors import ExitCode, FatalError, TransientError
from worker.kafka.checkpoints import read_checkpoints, uncommitted_ends
from worker.kafka.client import Consumer, consumer_arguments
from worker.kafka.descriptions import cleanup_policy, owned_partitions
from worker.kafka.errors import translating
from worker.kafka.offsets import committed_offsets, end_offsets, first_offsets, position, topic_id
from worker.settings import Settings
from worker.windows.recount import WindowRecount


@dataclass(frozen=True, slots=True)
class Committed:
    """A partition's committed input offset and running counts; `counts` is None without readable metadata.

    `deleted` is how many offsets after the committed offset Kafka has deleted before a worker read them; a worker that
    gets the partition will add these offsets to `counts.skipped`. `foreign`: there is metadata, which no worker wrote.
    """

    offset: int
    counts: RunningCounts | None
    deleted: int = 0
    foreign: bool = False


class CommittedReader:
    """Reads the group's committed offsets without joining the group. Methods raise TransientError or FatalError."""

    def __init__(self, settings: Settings, windows: WindowRecount | None = None, *, deadline: Deadline = NEVER) -> None:
        """With `windows`, a recount also counts the tweets' minutes, hours and days there. It ends at the deadline."""
        self._settings = settings
        self._windows = windows
        self._deadline = deadline
        self._ends: dict[TopicPartition, int] = {}
        self._counted: defaultdict[TopicPartition, Counter[str]] = defaultdict(Counter)
        self._counted_to: defaultdict[TopicPartition, int] = defaultdict(int)
        self._after_deleted: set[TopicPartition] = set()
        with translating(self._settings.kafka_bootstrap_servers):
            self._consumer = Consumer(**consumer_arguments(settings), group_id=settings.kafka_group_id)

    @property
    def topic(self) -> str:
        """The input topic."""
        return self._settings.kafka_input_topic

    def committed(self) -> dict[Partition, Committed]:
        """Return the committed offset and counts of every input partition that has a committed offset."""
        with translating(self._settings.kafka_bootstrap_servers):
            asked = self._partitions(self._settings.kafka_input_topic)
            committed = committed_offsets(self._consumer, asked, time_limits.VERIFY_LOOKUP)
            first = first_offsets(self._consumer, list(committed), time_limits.VERIFY_LOOKUP)
        return {
            Partition(*partition): _committed(at.offset, at.metadata or "", first[partition])
            for partition, at in sorted(committed.items())
        }

    def input_partitions(self) -> list[Partition]:
        """Return every partition of the input topic."""
        with translating(self._settings.kafka_bootstrap_servers):
            return [Partition(*each) for each in self._partitions(self._settings.kafka_input_topic)]

    def checkpoints(self, partitions: Collection[Partition]) -> dict[Partition, CommittedCounts]:
        """Return the state on the checkpoint topic of each of these partitions that has one."""
        with translating(self._settings.kafka_bootstrap_servers):
            return read_checkpoints(self._settings, partitions)

    def states(self) -> dict[Partition, CommittedCounts]:
        """Return the state that a worker would restore now, of each input partition that has one."""
        partitions, committed = self.input_partitions(), self.committed()
        checkpoints = self.checkpoints(partitions)
        states: dict[Partition, CommittedCounts] = {}
        for partition in partitions:
            found, copy = committed.get(partition), checkpoints.get(partition)
            if found is not None and found.counts is not None:
                states[partition] = CommittedCounts(copy.generation if copy else 0, found.offset, found.counts)
            elif copy is not None:
                states[partition] = copy if found is None else replace(copy, offset=found.offset)
        return states

    def recount(self, numbers: Collection[int]) -> dict[int, RunningCounts | None]:
        """Return the counts of all labelled tweets in these partitions of the output topic.

        The counts are None where retention has deleted records of the partition; the minutes, hours and days are
        counted from the first record that is left. A second recount reads only the records since the first. A partition
        that was not read to its end before the deadline is left out. Raises TransientError if nothing can be read for
        time_limits.RECOUNT.
        """
        asked = [TopicPartition(self._settings.kafka_output_topic, number) for number in numbers]
        limit = time_limits.VERIFY_LOOKUP
        with translating(self._settings.kafka_bootstrap_servers):
            first = first_offsets(self._consumer, asked, limit)
            whole = {partition for partition in asked if first[partition] == 0}
            read = whole if self._windows is None else set(asked)
            self._skip_deleted({partition: first[partition] for partition in read})
            self._ends |= end_offsets(self._consumer, read, limit)
            self._count_up_to({partition: self._ends[partition] for partition in read})
            return {
                partition.partition: RunningCounts(dict(self._counted[partition])) if partition in whole else None
                for partition in asked
                if partition not in read or self._counted_to[partition] >= self._ends[partition]
            }

    def output_end(self, number: int) -> int:
        """Return the end offset of an output partition at the last recount; 0 without one."""
        return self._ends.get(TopicPartition(self._settings.kafka_output_topic, number), 0)

    def output_uncommitted_ends(self, numbers: Collection[int]) -> dict[int, int]:
        """Return the ends of these output partitions, behind the records of open transactions."""
        asked = [TopicPartition(self._settings.kafka_output_topic, number) for number in numbers]
        with translating(self._settings.kafka_bootstrap_servers):
            return {each.partition: end for each, end in uncommitted_ends(self._settings, asked).items()}

    def output_policy(self) -> str:
        """Return the cleanup policy of the output topic."""
        return cleanup_policy(self._settings, self._settings.kafka_output_topic)

    def owned(self) -> frozenset[Partition] | None:
        """Return the input partitions that members of the group own; None while the group rebalances."""
        return owned_partitions(self._settings)

    def topic_id(self) -> str:
        """Return the id of the input topic at the last look-up of metadata; empty if the broker gives no ids."""
        return topic_id(self._consumer, self._settings.kafka_input_topic)

    def _partitions(self, topic: str) -> list[TopicPartition]:
        numbers = self._consumer.partitions_for_topic(topic)
        if not numbers:
            raise FatalError(f"topic {topic} does not exist: check KAFKA_INPUT_TOPIC", ExitCode.TOPICS)
        return [TopicPartition(topic, number) for number in sorted(numbers)]

    def _skip_deleted(self, first: Mapping[TopicPartition, int]) -> None:
        """Continue at the first record that is left, where retention has deleted records that are not counted yet."""
        for partition, offset in first.items():
            if self._windows is not None and offset > self._counted_to[partition]:
                self._counted_to[partition] = offset
                self._after_deleted.add(partition)
                self._windows.deleted(partition.partition)

    def _count_up_to(self, ends: Mapping[TopicPartition, int]) -> None:
        """Count the records of all these partitions together; one after the other, each would cost a round trip."""
        reading = [partition for partition, end in ends.items() if self._counted_to[partition] < end]
        self._consumer.assign(reading)
        for partition in reading:
            self._consumer.seek(partition, self._counted_to[partition])
        read_at_s = time.monotonic()
        while unread := [partition for partition in reading if self._counted_to[partition] < ends[partition]]:
            if self._deadline.has_passed:
                return
            wait = self._deadline.shortened(time_limits.RECOUNT_POLL)
            polled = self._consumer.poll(timeout_ms=wait.ms, max_records=10_000)
            for partition, records in polled.items():
                self._count(partition, records)
            for partition in reading:
                read_to = position(self._consumer, partition) or 0
                if read_to > self._counted_to[partition]:
                    self._counted_to[partition], read_at_s = read_to, time.monotonic()
            if time.monotonic() - read_at_s > time_limits.RECOUNT.seconds:
                stuck = min(unread)
                raise TransientError(
                    f"{stuck.topic}[{stuck.partition}]@{self._counted_to[stuck]}: nothing could be read for "
                    f"{time_limits.RECOUNT.seconds:g} s"
                )

    def _count(self, partition: TopicPartition, records: Sequence[Any]) -> None:
        tweets = [_labelled_tweet(record) for record in records]
        self._counted[partition].update(tweet.emotion for tweet in tweets)
        if self._windows is None or not tweets:
            return
        number = partition.partition
        if partition in self._after_deleted:
            self._after_deleted.remove(partition)
            self._windows.begins(number, classified_at_ms(tweets[0]))
        self._windows.add(number, map(_counted, tweets, records))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close(autocommit=False)


def _committed(offset: int, metadata: str, first: int) -> Committed:
    counts = RunningCounts.from_metadata(metadata)
    return Committed(offset, counts, max(0, first - offset), foreign=bool(metadata) and counts is None)


def _labelled_tweet(record: Any) -> LabelledTweet:
    """Return the tweet of a record on the output topic. Raises TransientError for a record of another program."""
    try:
        tweet = decode(record.value)
        classified_at_ms(tweet)
    except (NotALabelledTweetError, ValueError) as error:
        raise TransientError(
            f"{record.topic}[{record.partition}]@{record.offset}: no worker wrote this record: {error}"
        ) from None
    return tweet


def _counted(tweet: LabelledTweet, record: Any) -> CountedTweet:
    return CountedTweet(labelled_event_time_ms(tweet, record.headers), tweet.emotion, tweet.topics)
