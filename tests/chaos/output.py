"""Output records as a worker publishes them, made by hand for the tests of the verifier."""

import json
from typing import Any

from chaos.stream.account import StreamAccount
from chaos.stream.judge import Arrived, Judge
from chaos.stream.tweets import TweetSource
from chaos.stream_names import StreamNames

SEED = 7
CLASSIFIED_AT = "2026-03-01T12:00:00.000Z"
INPUT_MS = b"1772366400000"
"""The timestamp of the input records, at which CLASSIFIED_AT is too."""

NAMES = StreamNames(partitions=2)
SOURCE = TweetSource(SEED, poison_share=0)


def an_account(*, source: TweetSource = SOURCE, bombs: tuple[int, ...] = (), strict: bool = True) -> StreamAccount:
    judge = Judge(source) if strict else None
    return StreamAccount(NAMES, judge, is_bomb=lambda _, number: number in bombs)


def a_labelled(number: int, partition: int = 0, *, forced: str | None = None, **fields: Any) -> Arrived:
    """Return the labelled tweet of an input record; `fields` replace those of the tweet."""
    fed = SOURCE.record(partition, number, forced=forced)
    tweet = {
        "id": f"{partition}-{number}",
        "text": fed.text,
        "emotion": "joy",
        "classified_at": CLASSIFIED_AT,
    } | fields
    carried = tuple((name, content or b"") for name, content in fed.headers)
    headers = (*carried, ("emotion.input.timestamp", INPUT_MS))
    return Arrived(partition, number, fed.key, json.dumps(tweet).encode(), headers)


def a_letter(
    number: int, partition: int = 0, *, reason: str = "not_json", forced: str | None = None, **fields: Any
) -> Arrived:
    """Return the dead letter of an input record; `fields` replace those of the record."""
    fed = SOURCE.record(partition, number, forced=forced, created_at=CLASSIFIED_AT)
    carried = tuple((name, content or b"") for name, content in fed.headers)
    why = (
        ("__connect.errors.offset", str(number).encode()),
        ("__connect.errors.exception.message", f"{reason}: for a test".encode()),
    )
    value = fed.value if fed.key is not None else fed.value or b""
    return Arrived(partition, number, fed.key, value, (*carried, *why))._replace(**fields)
