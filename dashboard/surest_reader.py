"""The tweets of one minute that the model was surest of, found among a bounded number of records."""

import heapq
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from kafka import TopicPartition

from dashboard.shown_tweet import ShownTweet, read_shown_tweet
from tweets.event_time import labelled_event_time_ms
from tweets.periods import ALL, Period
from tweets.timestamps import rfc3339_s
from worker import time_limits
from worker.kafka.client import Consumer, consumer_arguments
from worker.kafka.errors import translating
from worker.kafka.offsets import end_offsets, position
from worker.kafka.reachable import wait_until_reachable
from worker.process.stop import StopRequest
from worker.settings import Settings

RECORDS_MAX: Final = 50_000
"""Records that one search reads, in seconds."""

TWEETS: Final = 5
"""Tweets that a search finds."""

TIME_MAX_S: Final = 20.0
"""Seconds after which a search stops wherever it is."""

_POLL_RECORDS: Final = 500
"""Records of one poll. After each poll the thread rests as long as the poll took: the live figures need the other half
of a core that Python can use at a time."""

_POLL_MS: Final = 250


@dataclass(frozen=True, slots=True)
class SurestTweets:
    """The tweets, the surest first; `matching` of the `read` records are of this minute and tweet topic.

    `stopped` is "end" at the end of the topic, "records" after RECORDS_MAX records and "time" after TIME_MAX_S.
    Everything that was published before `until_ms`, in Unix milliseconds, was read; None at the end of the topic.
    """

    minute: Period
    subject: str
    tweets: tuple[ShownTweet, ...]
    matching: int
    read: int
    stopped: str
    until_ms: int | None

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object of `GET /surest`."""
        return {
            "minute": rfc3339_s(self.minute.start_ms // 1000),
            "topic": self.subject,
            "tweets": [tweet.as_json() for tweet in self.tweets],
            "matching": self.matching,
            "read": self.read,
            "read_max": RECORDS_MAX,
            "stopped": self.stopped,
            "until": None if self.until_ms is None else rfc3339_s(self.until_ms // 1000),
        }


class SurestReader:
    """Searches the output topic, with a consumer of its own for each search."""

    def __init__(self, settings: Settings, stop: StopRequest) -> None:
        self._settings = settings
        self._stop = stop

    def find(self, minute: Period, subject: str) -> SurestTweets:
        """Return the surest tweets of a minute of event time, for ALL or for one tweet topic.

        Raises TransientError or FatalError if Kafka does not answer.
        """
        wait_until_reachable(self._settings, self._stop)
        with translating(self._settings.kafka_bootstrap_servers):
            consumer = Consumer(**consumer_arguments(self._settings), group_id=None, max_poll_records=_POLL_RECORDS)
            try:
                return self._found(consumer, _Search(minute, subject, self._settings.neutral_threshold is not None))
            finally:
                consumer.close(autocommit=False, timeout_ms=time_limits.CLOSE.ms)

    def _found(self, consumer: Consumer, search: "_Search") -> SurestTweets:
        left, at = self._starts(consumer, search.minute)
        share = RECORDS_MAX // max(1, len(left))
        ends_at_s = time.monotonic() + TIME_MAX_S
        stopped = "end"
        while left and not self._stop.is_set():
            if search.read >= RECORDS_MAX:
                stopped = "records"
                break
            if time.monotonic() > ends_at_s:
                stopped = "time"
                break
            started_s = time.monotonic()
            room = min(_POLL_RECORDS, RECORDS_MAX - search.read)
            for partition, records in consumer.poll(timeout_ms=_POLL_MS, max_records=room).items():
                search.look_at(partition.partition, records)
            at |= {each: position(consumer, each) or at[each] for each in consumer.assignment()}
            left = {each: end for each, end in left.items() if at[each] < end}
            share = self._follow(consumer, search, {each: at[each] for each in left}, share)
            self._stop.wait(time.monotonic() - started_s)
        return search.result(stopped, [each.partition for each in left])

    @staticmethod
    def _follow(consumer: Consumer, search: "_Search", left: Mapping[TopicPartition, int], share: int) -> int:
        """Read on in the partitions of which fewer than `share` records were read; `left` has their positions.

        The client would read one partition to its end first. Return the share of each: when all partitions have had
        theirs, they get what the others did not need. (The embedded Kafka sends nothing after `pause` and `resume`.)
        """
        reading = [each for each in left if search.read_of[each.partition] < share]
        if left and not reading:
            share += (RECORDS_MAX - search.read) // len(left)
            reading = list(left)
        if set(reading) != consumer.assignment():
            consumer.assign(reading)
            for each in reading:
                consumer.seek(each, left[each])
        return share

    def _starts(
        self, consumer: Consumer, minute: Period
    ) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        """Begin at the first record of each partition from the minute on; return the ends and the positions."""
        topic = self._settings.kafka_output_topic
        partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
        if not partitions:
            return {}, {}
        limit = time_limits.OFFSET_LOOKUP
        found = consumer.offsets_for_times(dict.fromkeys(partitions, minute.start_ms), timeout_ms=limit.ms)
        ends: Mapping[TopicPartition, int] = end_offsets(consumer, partitions, limit)
        starts = {each: at.offset for each, at in found.items() if at is not None and at.offset < ends[each]}
        consumer.assign(list(starts))
        for partition, offset in starts.items():
            consumer.seek(partition, offset)
        return {partition: ends[partition] for partition in starts}, starts


class _Search:
    """What was found so far."""

    def __init__(self, minute: Period, subject: str, neutral_is_a_label: bool) -> None:
        self.minute = minute
        self.read = 0
        self.read_of: Counter[int] = Counter()
        """Partition → records that were read."""
        self._subject = subject
        self._neutral_is_a_label = neutral_is_a_label
        self._matching = 0
        self._best: list[tuple[float, int, ShownTweet]] = []
        self._until_ms: dict[int, int] = {}
        """Partition → timestamp of the last record that was read."""

    def look_at(self, number: int, records: list[Any]) -> None:
        """Keep the surest tweets of the minute among these records of a partition; of equal texts the first."""
        for record in records:
            self.read += 1
            shown = self._matching_tweet(record)
            if shown is None:
                continue
            self._matching += 1
            if all(shown.tweet.text != each.tweet.text for _, _, each in self._best):
                keep = heapq.heappush if len(self._best) < TWEETS else heapq.heappushpop
                keep(self._best, (shown.tweet.confidence, -self.read, shown))
        self.read_of[number] += len(records)
        self._until_ms[number] = records[-1].timestamp

    def result(self, stopped: str, unfinished: list[int]) -> SurestTweets:
        """Return what was found; `unfinished` are the partitions that were not read to their ends."""
        tweets = tuple(tweet for _, _, tweet in sorted(self._best, reverse=True))
        until_ms = min((self._until_ms.get(each, self.minute.start_ms) for each in unfinished), default=None)
        return SurestTweets(self.minute, self._subject, tweets, self._matching, self.read, stopped, until_ms)

    def _matching_tweet(self, record: Any) -> ShownTweet | None:
        shown = read_shown_tweet(
            record.value,
            place=f"{record.partition}@{record.offset}",
            timestamp_ms=record.timestamp,
            neutral_is_a_label=self._neutral_is_a_label,
            headers=record.headers,
        )
        try:
            if shown is None or (self._subject != ALL and self._subject not in shown.tweet.topics):
                return None
            if Period.of("minute", labelled_event_time_ms(shown.tweet, record.headers)) != self.minute:
                return None
        except ValueError:  # a record of another program
            return None
        return shown
