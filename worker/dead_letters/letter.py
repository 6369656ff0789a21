"""A dead letter as operators see it: why, where the original came from, and the original to send again."""

from dataclasses import dataclass
from typing import Final

from tweets.dead_letter import ERRORS, MESSAGE, OFFSET, PARTITION, TOPIC, TRUNCATED
from tweets.headers import INPUT_TIMESTAMP, decimal
from tweets.labelled_tweet import input_timestamp_ms
from tweets.reasons import REASONS
from tweets.records import Headers, OutputRecord, Partition, Record
from tweets.replayed import ROUND, TWEET_ID, kept_id, replay_round
from tweets.timestamps import RFC3339_LAST_MS
from tweets.tweet import own_id, place_id

UNKNOWN: Final = "unknown"
"""The reason of a record that no worker wrote: its message begins with none of REASONS."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A record of the dead-letter topic. `source` and `source_offset` are the place of its input record.

    Without a usable place, `source` is None: no worker wrote the record. `rounds` counts the replays of the original.
    """

    record: Record
    reason: str
    message: str
    source: Partition | None
    source_offset: int
    truncated: bool
    rounds: int

    @classmethod
    def of(cls, record: Record) -> "Letter":
        """Return the dead letter in a record; of headers with the same name, the last is the last worker's."""
        headers = dict(record.headers)
        message = (headers.get(MESSAGE) or b"").decode("utf-8", "replace")
        reason = message.partition(":")[0]
        topic = (headers.get(TOPIC) or b"").decode("utf-8", "replace")
        number, offset = decimal(headers.get(PARTITION)), decimal(headers.get(OFFSET))
        known = bool(topic) and number is not None and offset is not None
        return cls(
            record,
            reason if reason in REASONS else UNKNOWN,
            message,
            Partition(topic, number or 0) if known else None,
            offset or 0,
            _is_cut(record.headers),
            replay_round(record.headers),
        )

    @property
    def at_ms(self) -> int | None:
        """When the worker wrote the dead letter, in Unix milliseconds; None for a time that RFC 3339 cannot write."""
        return self.record.timestamp_ms if 0 <= self.record.timestamp_ms <= RFC3339_LAST_MS else None

    @property
    def place(self) -> str:
        """The place of the dead letter, for a log line."""
        return f"{self.record.partition}@{self.record.offset}"

    def original(self, topic: str) -> OutputRecord:
        """Return the input record as it is sent again: its key, value and partition number, and its own headers.

        The headers TWEET_ID, for a tweet without an id, and INPUT_TIMESTAMP keep what follows from the first record of
        the tweet. Of a first record, only the time of its dead letter is known: its own INPUT_TIMESTAMP, if any, is of
        another stream, whose labelled tweets are the input of this one.
        """
        record = self.record
        headers = [(name, content) for name, content in record.headers if not name.startswith(ERRORS) and name != ROUND]
        if self.source is not None and kept_id(headers) is None and own_id(record.value) is None:
            headers.append((TWEET_ID, place_id(self.source, self.source_offset).encode()))
        is_kept = self.rounds > 0 and input_timestamp_ms(headers) is not None
        if not is_kept and self.at_ms is not None:
            headers.append((INPUT_TIMESTAMP, b"%d" % self.at_ms))
        headers.append((ROUND, b"%d" % (self.rounds + 1)))
        return OutputRecord(topic, record.partition.number, record.key, record.value, headers)


def _is_cut(headers: Headers) -> bool:
    """Return whether the worker has cut the record; a header of the same name before Connect's is the original's."""
    own = True
    for name, content in reversed(headers):
        own = own and not name.startswith(ERRORS)
        if own and name == TRUNCATED:
            return content == b"true"
    return False
