"""Why a record becomes a dead letter."""

from typing import Final

REASONS: Final = {
    "not_utf8": "the value is not UTF-8",
    "not_json": "the value is not JSON, or is nested too deeply",
    "not_an_object": "the value is JSON, but not an object",
    "no_text": "there is no string in the field `text`",
    "blank_text": "the text has no visible character",
    "text_too_long": "the text has more than `TWEET_MAX_CHARS` characters",
    "record_too_large": "the value has more than 1,048,576 bytes, or the labelled tweet is larger than the output "
    "topic's `max.message.bytes`",
    "null_value": "the record has no value",
    "unreadable": "the Kafka client cannot read the record: the batch is damaged, or a header name is not UTF-8 (then "
    "the rest of that producer's batch is unreadable too); the dead letter has the record's offset, not its bytes",
    "classifier_failed": "the model fails on this text and works on others",
}
"""Reason → meaning; `__connect.errors.exception.message` of a dead letter begins with the reason."""


class BadRecordError(Exception):
    """This record cannot be classified: publish a dead letter with `reason`, one of REASONS, and continue."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
