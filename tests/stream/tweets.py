"""Tweets for the tests: the sample for development, again and again, with ids that occur once."""

import json
import uuid
from collections.abc import Iterator, Sequence
from itertools import count, islice
from typing import Any

from tests.servers import Message
from tweets.datasets import SAMPLE_DEV, Row, read_rows


def sample_tweets(number: int, *, partitions: int) -> list[Message]:
    """Return `number` tweets, spread evenly, each with an id, a key and headers of its own."""
    name = uuid.uuid4().hex[:8]
    return [
        Message(
            json.dumps({"id": f"{name}-{index}", "text": row.text, "label": row.label}, ensure_ascii=False).encode(),
            key=f"key-{name}-{index}".encode(),
            headers=(("index", str(index).encode()), ("source", "sample ☀".encode())),
            partition=index % partitions,
        )
        for index, row in enumerate(islice(_rows(), number))
    ]


def interleaved(first: Sequence[Message], second: Sequence[Message]) -> list[Message]:
    """Return one of each in turn. Raises ValueError unless both have the same length."""
    return [message for pair in zip(first, second, strict=True) for message in pair]


def fields(message: Message) -> dict[str, Any]:
    """Return the JSON object in a record's value."""
    decoded: dict[str, Any] = json.loads(message.value or b"")
    return decoded


def _rows() -> Iterator[Row]:
    for _ in count():
        yield from read_rows(SAMPLE_DEV, "test")
