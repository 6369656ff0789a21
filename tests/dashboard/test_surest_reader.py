"""The surest tweets of a minute, found on the output topic of a Kafka."""

import json
import threading
from dataclasses import replace
from typing import Any, Final

import pytest

from dashboard import surest_reader
from dashboard.surest_reader import SurestReader
from tests.servers import Message, Stack, publish, unique_topics
from tweets.headers import INPUT_TIMESTAMP
from tweets.periods import ALL, Period
from worker.settings import Settings

MINUTE: Final = Period("minute", 28_000_000)
CREATED: Final = "2023-03-28T10:40:30Z"
"""A moment of MINUTE; records are published now, long after it."""

PARTITIONS: Final = 3


def labelled(text: str, confidence: float, created_at: str | None = CREATED, topics: Any = None) -> Message:
    fields = {
        "id": text,
        "text": text,
        "emotion": "joy",
        "confidence": confidence,
        "scores": {"joy": confidence},
        "model": "m",
        "classified_at": "2023-03-28T10:42:00.000Z",
        **({"created_at": created_at} if created_at else {}),
        **({} if topics is None else {"topics": topics}),
    }
    return Message(json.dumps(fields).encode(), partition=len(text) % PARTITIONS)


@pytest.fixture
def env(stack: Stack) -> dict[str, str]:
    return unique_topics(stack, PARTITIONS)


@pytest.fixture
def reader(env: dict[str, str]) -> SurestReader:
    settings = Settings(
        kafka_bootstrap_servers=env["KAFKA_BOOTSTRAP_SERVERS"], kafka_output_topic=env["KAFKA_OUTPUT_TOPIC"]
    )
    return SurestReader(settings, threading.Event())


def test_the_five_surest_tweets_of_the_minute_are_found_and_nothing_else(
    stack: Stack, env: dict[str, str], reader: SurestReader
) -> None:
    records = [
        labelled(f"tweet {number}", number / 100, topics=["cats", "brand-x"] if number % 2 else None)
        for number in range(50)
    ]
    records += [labelled("tweet 49", 0.49)] * 3
    records += [labelled("minute before", 1, "2023-03-28T10:39:59Z"), labelled("after", 1, "2023-03-28T10:41:00Z")]
    records += [Message(b"no labelled tweet"), Message(b'{"topics":["brand-x"]}'), Message(None)]
    timed = labelled("time of the input record", 0.99, created_at=None)
    at = str(MINUTE.start_ms + 1).encode()
    records.append(Message(timed.value, headers=((INPUT_TIMESTAMP, at),)))
    publish(stack, env["KAFKA_OUTPUT_TOPIC"], records)
    found = reader.find(MINUTE, ALL)
    assert [each.tweet.text for each in found.tweets] == [
        "time of the input record",
        *("tweet 49", "tweet 48", "tweet 47", "tweet 46"),
    ]
    assert (found.matching, found.read, found.stopped, found.until_ms) == (54, 59, "end", None)
    named = reader.find(MINUTE, "brand-x")
    assert [each.tweet.text for each in named.tweets] == [f"tweet {number}" for number in (49, 47, 45, 43, 41)]
    assert named.matching == 25


def test_records_from_before_the_minute_are_not_read(stack: Stack, env: dict[str, str], reader: SurestReader) -> None:
    publish(stack, env["KAFKA_OUTPUT_TOPIC"], [labelled("long ago", 0.9)])
    found = reader.find(Period("minute", 2**31), ALL)
    assert (found.tweets, found.read, found.stopped) == ((), 0, "end")


def test_a_search_stops_after_its_most_records_and_says_up_to_when_it_has_read(
    stack: Stack, env: dict[str, str], reader: SurestReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surest_reader, "RECORDS_MAX", 20)
    monkeypatch.setattr(surest_reader, "_POLL_RECORDS", 3)
    sizes = {0: 2, 1: 100, 2: 100}
    records = [
        replace(labelled(f"tweet {partition} {number}", 0.5), partition=partition)
        for partition, size in sizes.items()
        for number in range(size)
    ]
    publish(stack, env["KAFKA_OUTPUT_TOPIC"], records)
    found = reader.find(MINUTE, ALL)
    assert (found.read, found.matching, found.stopped, len(found.tweets)) == (20, 20, "records", 5)
    assert found.until_ms is not None
    assert found.until_ms > MINUTE.start_ms, "every partition was read"
    assert found.as_json()["read_max"] == 20


def test_a_search_reads_what_it_may_of_one_long_partition(
    stack: Stack, env: dict[str, str], reader: SurestReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surest_reader, "RECORDS_MAX", 20)
    publish(
        stack,
        env["KAFKA_OUTPUT_TOPIC"],
        [replace(labelled(f"tweet {number}", 0.5), partition=1) for number in range(20)],
    )
    found = reader.find(MINUTE, ALL)
    assert (found.read, found.stopped, found.until_ms) == (20, "end", None)


def test_a_search_stops_after_its_time(
    stack: Stack, env: dict[str, str], reader: SurestReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surest_reader, "TIME_MAX_S", -1.0)
    publish(stack, env["KAFKA_OUTPUT_TOPIC"], [labelled("tweet", 0.5)])
    found = reader.find(MINUTE, ALL)
    assert (found.read, found.stopped, found.until_ms) == (0, "time", MINUTE.start_ms)


def test_a_topic_that_does_not_exist_has_no_tweet(stack: Stack) -> None:
    settings = Settings(kafka_bootstrap_servers=stack.bootstrap, kafka_output_topic="no-such-topic")
    assert SurestReader(settings, threading.Event()).find(MINUTE, ALL).read == 0
