"""Headers of Kafka records: of several with the same name the last one counts, and numbers are in decimal digits."""

from typing import Final

from tweets.records import Headers

INPUT_TIMESTAMP: Final = "emotion.input.timestamp"
"""The header with the timestamp of the input record: Unix milliseconds in decimal digits.

The labelled tweet's own timestamp is the time at which the worker published it. A replayed record brings the header
with the timestamp of the first record of its tweet.
"""

INT64_DIGITS: Final = 19
"""Digits of the largest number of 64 bits with a sign: offsets and timestamps."""


def last(headers: Headers, name: str) -> bytes:
    """Return the content of the last header of this name; empty without one."""
    return next((content for found, content in reversed(headers) if found == name), None) or b""


def decimal(content: bytes | None, digits: int = INT64_DIGITS) -> int | None:
    """Return the number in a header; None unless it has only digits, and at most so many."""
    return int(content) if content and content.isdigit() and len(content) <= digits else None
