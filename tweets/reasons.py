"""Why a record becomes a dead letter, and what to do about the record."""

from typing import Final, NamedTuple


class Reason(NamedTuple):
    """What is wrong with a record, and what a user does about such records; both are sentences."""

    meaning: str
    advice: str


REASONS: Final = {
    "null_value": Reason(
        "The record has no value.",
        "The producer deletes keys of a compacted topic, or forgets the value. Send the tweet as the value.",
    ),
    "not_utf8": Reason(
        "The value is not UTF-8.",
        "The producer writes another encoding, Avro or Protobuf; the message names the encoding where the "
        "bytes show it. Send JSON in UTF-8.",
    ),
    "not_json": Reason(
        "The value is not JSON, or is nested too deeply.",
        "The producer writes plain text, Avro or Protobuf, or cuts long values. Send one JSON object per record.",
    ),
    "not_an_object": Reason(
        "The value is JSON and not an object.",
        "The producer sends lists or strings. Send one object per tweet.",
    ),
    "no_text": Reason(
        "The object has no text, neither in the field `text` nor where Twitter or Kafka Connect have it.",
        "The producer names the field differently, or nests it; the message names a field with a text. "
        "Rename the field to `text`.",
    ),
    "blank_text": Reason(
        "The text has no visible character.",
        "Nothing, unless the producer loses the text.",
    ),
    "text_too_long": Reason(
        "The text has more than `TWEET_MAX_CHARS` characters.",
        "Raise `TWEET_MAX_CHARS` if such texts are wanted, and replay the dead letters.",
    ),
    "record_too_large": Reason(
        "The value has more than 1,048,576 bytes, or the labelled tweet is larger than the output topic's "
        "`max.message.bytes`.",
        "Raise `max.message.bytes` of the output topic, or send smaller records. 1,048,576 bytes is fixed.",
    ),
    "unreadable": Reason(
        "The Kafka client cannot read the record: its batch is damaged or expands to over 64 MiB, or a header name "
        "is not UTF-8, which makes the rest of the batch unreadable too. The dead letter has the offset of the record, "
        "not its bytes.",
        "Read the offset with another client. Correct the header names, or check the disks of the brokers.",
    ),
    "refused": Reason(
        "Kafka refuses the labelled tweet for good, for instance a tweet without a key on a compacted output topic.",
        "Read the broker's reason in the header. Set `cleanup.policy=delete` on the output topic, or correct the "
        "setting of the topic that the reason names.",
    ),
    "classifier_failed": Reason(
        "The model fails on this text and works on others.",
        "Keep the text and report a bug, with the line in the worker's log.",
    ),
}
"""Reason → meaning and advice; `__connect.errors.exception.message` of a dead letter begins with the reason."""


class BadRecordError(Exception):
    """This record cannot be classified: publish a dead letter with `reason`, one of REASONS, and continue."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def explained(self, detail: str) -> "BadRecordError":
        """Return an error with the same reason and a more precise detail."""
        return type(self)(self.reason, detail)
