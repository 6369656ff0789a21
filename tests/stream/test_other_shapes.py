"""Tweets as other programs write them, from the producer to the output topic; the examples of README.md."""

import json
import re
from pathlib import Path
from typing import Final

from tests.servers import Message, Stack, publish, read_committed, unique_topics
from tests.stream.programs import StartWorker, started
from tests.stream.tweets import fields
from tests.stream.verifier import Verifier
from tweets.labelled_tweet import input_timestamp_ms

README: Final = Path(__file__).parents[2] / "README.md"
DONE_S: Final = 120.0
"""Seconds until all tweets of a test must be committed, on a slow and busy machine."""

TWEET: Final = {"id": "7", "text": "so happy", "label": "joy", "created_at": "Wed Oct 10 20:19:24 +0000 2018"}
PUBLISHED: Final = ("7", "so happy", "joy", "2018-10-10T20:19:24Z")

VALUES: Final = (
    json.dumps({"data": TWEET}).encode(),
    json.dumps({"schema": None, "payload": TWEET}).encode(),
    json.dumps(TWEET | {"text": "so…", "extended_tweet": {"full_text": "so happy"}}).encode(),
    b"\0\0\0\0\x2a" + json.dumps(TWEET).encode(),
    json.dumps(TWEET).encode("utf-8-sig"),
)


def test_every_shape_of_a_tweet_is_published_alike_with_the_time_of_its_record(
    stack: Stack, start_worker: StartWorker
) -> None:
    env = unique_topics(stack, 1)
    verifier = Verifier(stack, env)
    publish(stack, env["KAFKA_INPUT_TOPIC"], [Message(value, partition=0) for value in VALUES])
    started(env, start_worker)
    verifier.wait_until_done(DONE_S)
    labelled = read_committed(stack, env["KAFKA_OUTPUT_TOPIC"])
    names = ("id", "text", "label", "created_at")
    assert [tuple(fields(each)[name] for name in names) for each in labelled] == [PUBLISHED] * len(VALUES)
    sent = read_committed(stack, env["KAFKA_INPUT_TOPIC"])
    assert [input_timestamp_ms(each.headers) for each in labelled] == [each.timestamp_ms for each in sent]
    assert read_committed(stack, env["KAFKA_DEAD_LETTER_TOPIC"]) == []


def test_the_examples_of_the_readme_are_labelled(stack: Stack, start_worker: StartWorker) -> None:
    values = re.findall(r"^echo '(\{.*\})' +\| kcat -P", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(values) >= 4
    env = unique_topics(stack, 1)
    verifier = Verifier(stack, env)
    publish(stack, env["KAFKA_INPUT_TOPIC"], [Message(value.encode(), partition=0) for value in values])
    started(env, start_worker)
    verifier.wait_until_done(DONE_S)
    assert len(read_committed(stack, env["KAFKA_OUTPUT_TOPIC"])) == len(values)
