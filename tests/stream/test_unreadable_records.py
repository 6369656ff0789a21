"""Records that a Kafka client cannot read: one dead letter each, and the next records are processed."""

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from kafka import KafkaProducer

from tests.servers import ApacheStack, Message, Stack, publish, read_committed, unique_topics
from tests.stream.programs import StartWorker, started
from tests.stream.tweets import fields, sample_tweets
from tests.stream.verifier import Verifier, dead_offset, fold, reason

DONE_S = 120.0
"""Seconds until all tweets of a test must be committed, on a slow and busy machine."""


def test_a_header_whose_name_is_not_utf8_costs_one_dead_letter(
    apache_stack: ApacheStack, start_worker: StartWorker
) -> None:
    env = unique_topics(apache_stack, 1)
    verifier, tweets = Verifier(apache_stack, env), sample_tweets(20, partitions=1)
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], tweets[:10])
    publish_a_header_name_of_other_bytes(apache_stack, env["KAFKA_INPUT_TOPIC"], tweets[10])
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], tweets[11:])
    worker = started(env, start_worker)
    verifier.wait_until_done(DONE_S)
    assert_only_unreadable(apache_stack, env, [10], tweets)
    assert worker.metrics()['emotion_tweets_dead_lettered_total{reason="unreadable"}'] == 1


def test_a_batch_that_was_damaged_on_disk_costs_its_own_records_only(
    apache_stack: ApacheStack, start_worker: StartWorker
) -> None:
    env = unique_topics(apache_stack, 1)
    verifier, tweets = Verifier(apache_stack, env), sample_tweets(30, partitions=1)
    for part in (tweets[:10], tweets[10:13], tweets[13:]):
        publish(apache_stack, env["KAFKA_INPUT_TOPIC"], part)
    log = apache_stack.folder / "kafka" / f"{env['KAFKA_INPUT_TOPIC']}-0" / f"{0:020}.log"
    damage(log, tweets[11].value or b"")
    started(env, start_worker)
    verifier.wait_until_done(DONE_S)
    damaged = batch_around(log, 11)
    assert 11 in damaged
    assert_only_unreadable(apache_stack, env, damaged, tweets)


def assert_only_unreadable(
    stack: Stack, env: Mapping[str, str], offsets: Sequence[int], tweets: Sequence[Message]
) -> None:
    """Assert that these offsets are dead letters as unreadable, and all others labelled, in order, and counted."""
    verifier = Verifier(stack, env)
    labelled = read_committed(stack, env["KAFKA_OUTPUT_TOPIC"])
    dead = read_committed(stack, env["KAFKA_DEAD_LETTER_TOPIC"])
    assert [dead_offset(letter) for letter in dead] == list(offsets)
    assert {reason(letter) for letter in dead} == {"unreadable"}
    readable = [tweet for offset, tweet in enumerate(tweets) if offset not in offsets]
    assert [fields(each)["id"] for each in labelled] == [fields(each)["id"] for each in readable]
    assert json.loads(verifier.positions()[0].metadata)["counts"] == fold(labelled)[0]
    verifier.wait_until_redis_agrees(fold(labelled))


class _OtherBytes(str):
    """A name that goes over the wire as bytes that are not UTF-8."""

    def encode(self, *_: object, **__: object) -> bytes:
        return b"\xff\xfe"


def publish_a_header_name_of_other_bytes(stack: Stack, topic: str, tweet: Message) -> None:
    """Send a tweet with a header that most clients refuse to send, and some to read."""
    producer = KafkaProducer(bootstrap_servers=stack.bootstrap)
    try:
        sent = producer.send(
            topic, key=tweet.key, value=tweet.value, partition=0, headers=[(_OtherBytes("odd"), b"content")]
        )
        sent.get(60)
    finally:
        producer.close()


def damage(log: Path, value: bytes) -> None:
    """Change one byte of this record's value in a broker's log."""
    with log.open("r+b") as file:
        at = file.read().index(value)
        file.seek(at)
        file.write(bytes([value[0] ^ 1]))


def batch_around(log: Path, offset: int) -> list[int]:
    """Return the offsets of all records in the batch that holds `offset`."""
    content, at = log.read_bytes(), 0
    while True:
        base, size = struct.unpack_from(">qi", content, at)
        (last_delta,) = struct.unpack_from(">i", content, at + 23)
        if base + last_delta >= offset:
            return list(range(base, base + last_delta + 1))
        at += 12 + size
