"""Tweets for the tests: the sample for development, again and again, with ids and texts that occur once."""

import json
import uuid
from collections.abc import Iterator, Sequence
from itertools import islice, product
from string import ascii_lowercase
from typing import Any

from tests.servers import Message
from tweets.datasets import SAMPLE_DEV, read_rows


def sample_tweets(number: int, *, partitions: int) -> list[Message]:
    """Return `number` tweets, spread evenly, each with an id, a text, a key and headers of its own.

    The sample has 718 texts. Later ones end in two letters, because the model computes equal texts only once.
    """
    name = uuid.uuid4().hex[:8]
    return [
        Message(
            json.dumps({"id": f"{name}-{index}", "text": text, "label": label}, ensure_ascii=False).encode(),
            key=f"key-{name}-{index}".encode(),
            headers=(("index", str(index).encode()), ("source", "sample ☀".encode())),
            partition=index % partitions,
        )
        for index, (text, label) in enumerate(islice(_rows(), number))
    ]


def interleaved(first: Sequence[Message], second: Sequence[Message]) -> list[Message]:
    """Return one of each in turn. Raises ValueError unless both have the same length."""
    return [message for pair in zip(first, second, strict=True) for message in pair]


def fields(message: Message) -> dict[str, Any]:
    """Return the JSON object in a record's value."""
    decoded: dict[str, Any] = json.loads(message.value or b"")
    return decoded


def _rows() -> Iterator[tuple[str, str | None]]:
    """Yield text and label of the sample again and again, each text once."""
    endings = ("", *(f" {one}{two}" for one, two in product(ascii_lowercase, repeat=2)))
    for ending in endings:
        for row in read_rows(SAMPLE_DEV, "test"):
            yield row.text + ending, row.label
