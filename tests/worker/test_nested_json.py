"""JSON from outside that is nested too deeply for Python is refused like any other JSON that is wrong."""

import contextlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final

import pytest

from dashboard.shown_tweet import read_shown_tweet
from tests.records import a_record
from tweets import labelled_tweet, tweet
from tweets.labelled_tweet import NotALabelledTweetError
from tweets.reasons import BadRecordError
from worker import checkpoint
from worker.counts import RunningCounts
from worker.errors import ExitCode, FatalError, TransientError
from worker.kafka import committed, state_transfer
from worker.redis import store

DEPTHS: Final = (500, 980, 1000, 100_000)
"""Python 3.11 follows nested JSON to a depth of about 990."""

OUTER: Final = {
    "arrays": "{}",
    "under text": '{{"text": {}}}',
    "a state": '{{"v": 1, "counts": {}, "offset": 1, "generation": 1}}',
    "a count": '{{"v": 1, "counts": {{"joy": {}}}, "offset": 1, "generation": 1}}',
    "a topic id": '{{"v": 1, "counts": {{}}, "topic_id": {}, "offset": 1, "generation": 1}}',
    "scores": '{{"id": "1", "text": "a", "emotion": "joy", "confidence": 1, "scores": {}, "model": "m"}}',
    "partitions": '{{"v": 1, "partitions": {}}}',
    "a partition": '{{"v": 1, "partitions": [{{"partition": {}, "v": 1, "counts": {{}}, "offset": 1}}]}}',
    "a version": '{{"v": {}}}',
}


def refused_or_read_tweet(text: str) -> None:
    with contextlib.suppress(BadRecordError):  # a tweet may have deep fields that are not read
        assert tweet.decode(a_record(text.encode()), max_chars=1000).text == "a"


def refused_labelled_tweet(text: str) -> None:
    with pytest.raises(NotALabelledTweetError):
        labelled_tweet.decode(text.encode())


def not_shown(text: str) -> None:
    assert read_shown_tweet(text.encode(), place="0@1", timestamp_ms=0, neutral_is_a_label=False) is None


def no_metadata(text: str) -> None:
    assert RunningCounts.from_metadata(text) is None


def no_checkpoint(text: str) -> None:
    assert checkpoint.decode(text.encode()) is None


def no_counts_in_redis(text: str) -> None:
    assert not any(store._counts(text).values())


def refused_state(text: str) -> None:
    with pytest.raises(FatalError) as caught:
        state_transfer._states(text, "tweets")
    assert caught.value.exit_code is ExitCode.SETTINGS
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


READERS: Final[list[Callable[[str], Any]]] = [
    refused_or_read_tweet,
    refused_labelled_tweet,
    not_shown,
    no_metadata,
    no_checkpoint,
    no_counts_in_redis,
    refused_state,
]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_a_deep_value_is_refused_wherever_it_is(reader: Callable[[str], Any], depth: int, brackets: str) -> None:
    deep = "[" * depth + "]" * depth if brackets == "[]" else '{"a":' * depth + "1" + "}" * depth
    for outer in OUTER.values():
        reader(outer.format(deep))


@pytest.mark.parametrize("value", [b"[" * 100_000, b"{}", b"", None, b"\xff"], ids=lambda value: ascii(value)[:12])
def test_verify_names_the_place_of_a_record_that_no_worker_wrote(value: bytes | None) -> None:
    record = SimpleNamespace(topic="tweets.emotions", partition=3, offset=7, value=value)
    with pytest.raises(TransientError, match=r"tweets\.emotions\[3\]@7: no worker wrote") as caught:
        committed._labelled_tweet(record)
    assert "\n" not in str(caught.value)
