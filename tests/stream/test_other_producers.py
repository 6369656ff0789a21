"""Tweets of producers that compress their batches or send transactions."""

from collections.abc import Iterable

import pytest
from confluent_kafka import Producer

from tests.servers import Message, Stack, eventually, unique_topics
from tests.stream.programs import StartWorker, started
from tests.stream.tweets import fields, sample_tweets
from tests.stream.verifier import Verifier
from worker.errors import ExitCode

PARTITIONS = 3
DONE_S = 120.0
"""Seconds until all tweets of a test must be committed, on a slow and busy machine."""


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
def test_compressed_tweets_are_classified(stack: Stack, start_worker: StartWorker, compression: str) -> None:
    env = unique_topics(stack, PARTITIONS)
    verifier = Verifier(stack, env)
    publish_with(
        Producer({"bootstrap.servers": stack.bootstrap, "compression.type": compression, "linger.ms": 50}),
        env["KAFKA_INPUT_TOPIC"],
        sample_tweets(300, partitions=PARTITIONS),
    )
    started(env, start_worker)
    verifier.wait_until_done(DONE_S)
    assert len(verifier.check_all_done(300).labelled) == 300


def test_tweets_of_an_aborted_transaction_are_never_classified(stack: Stack, start_worker: StartWorker) -> None:
    env = unique_topics(stack, 1)
    verifier, tweets = Verifier(stack, env), sample_tweets(300, partitions=1)
    producer = Producer({"bootstrap.servers": stack.bootstrap, "transactional.id": env["KAFKA_INPUT_TOPIC"]})
    producer.init_transactions(60)
    for number, aborted in enumerate((True, False, True)):
        producer.begin_transaction()
        publish_with(producer, env["KAFKA_INPUT_TOPIC"], tweets[number * 100 : number * 100 + 100])
        producer.abort_transaction(60) if aborted else producer.commit_transaction(60)
    worker = started(env, start_worker)
    eventually(lambda: worker.metrics().total("emotion_tweets_consumed_total") == 100, DONE_S, "100 are committed")
    kept = verifier.check()
    assert [fields(each)["id"] for each in kept.labelled] == [fields(each)["id"] for each in tweets[100:200]]
    assert worker.terminate() == ExitCode.OK
    assert len(verifier.check().labelled) == 100


def publish_with(producer: Producer, topic: str, tweets: Iterable[Message]) -> None:
    """Send tweets with a client that has settings of its own; return when Kafka has acknowledged all."""
    for tweet in tweets:
        producer.produce(topic, tweet.value, tweet.key, tweet.partition or 0, headers=list(tweet.headers))
    assert producer.flush(60) == 0
