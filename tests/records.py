"""Records and predictions with plausible values, each of which a test may replace."""

import json
from typing import Any

from tweets.emotions import EMOTIONS
from tweets.prediction import Prediction
from tweets.records import Headers, Partition, Record

PARTITION = Partition("tweets", 3)


def a_record(
    value: bytes | None = b'{"text":"i feel fine"}',
    *,
    partition: Partition = PARTITION,
    offset: int = 7,
    key: bytes | None = b"k",
    headers: Headers = (),
    timestamp_ms: int = 1_700_000_000_000,
    unreadable: str | None = None,
) -> Record:
    return Record(partition, offset, timestamp_ms, key, value, headers, unreadable)


def a_tweet_record(offset: int = 7, *, partition: Partition = PARTITION, **fields: Any) -> Record:
    """Return a record whose value is a JSON object of `fields`, with a text unless one is given."""
    return a_record(json.dumps({"text": "i feel fine"} | fields).encode(), offset=offset, partition=partition)


def a_prediction(emotion: str = "joy", confidence: float = 0.5) -> Prediction:
    rest = (1 - confidence) / (len(EMOTIONS) - 1)
    return Prediction(emotion, confidence, dict.fromkeys(EMOTIONS, rest) | {emotion: confidence})
