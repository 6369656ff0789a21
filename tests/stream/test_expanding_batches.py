"""Record batches that expand to much more than they are on the wire become dead letters."""

import pytest
from confluent_kafka import Producer

from tests.servers import ApacheStack, publish, read_committed, unique_topics
from tests.stream.programs import StartWorker
from tests.stream.tweets import sample_tweets
from tests.stream.verifier import Verifier, dead_offset, reason
from worker.errors import ExitCode

DONE_S = 180.0
RECORD_BYTES = 1_000_000
RECORDS_IN_A_BOMB = 120
"""120 MB in one batch, twice what a worker expands; on the wire the batch has some kilobytes."""


def publish_bomb(stack: ApacheStack, topic: str, *, codec: str, partition: int) -> None:
    """Send many large records of zeros in one compressed batch."""
    producer = Producer(
        {
            "bootstrap.servers": stack.bootstrap,
            "compression.type": codec,
            "linger.ms": 5_000,
            "batch.size": 2_000_000_000,
            "batch.num.messages": RECORDS_IN_A_BOMB,
            "message.max.bytes": 1_000_000_000,
            "queue.buffering.max.kbytes": 1_000_000,
        }
    )
    failed: list[object] = []
    for number in range(RECORDS_IN_A_BOMB):
        producer.produce(
            topic,
            key=b"bomb-%d" % number,
            value=bytes(RECORD_BYTES),
            partition=partition,
            on_delivery=lambda error, _: failed.append(error) if error else None,
        )
    assert producer.flush(60) == 0
    assert failed == []


@pytest.mark.parametrize("codec", ["zstd", "gzip", "lz4"])
def test_a_batch_that_expands_too_far_becomes_dead_letters_and_the_tweets_around_it_are_labelled(
    apache_stack: ApacheStack, start_worker: StartWorker, codec: str
) -> None:
    env = unique_topics(apache_stack, 2)
    verifier = Verifier(apache_stack, env)
    before, after = sample_tweets(40, partitions=2), sample_tweets(40, partitions=2)
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], before)
    publish_bomb(apache_stack, env["KAFKA_INPUT_TOPIC"], codec=codec, partition=1)
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], after)
    worker = start_worker(env)
    verifier.wait_until_done(DONE_S)
    dead = worker.metrics()['emotion_tweets_dead_lettered_total{reason="unreadable"}']
    assert dead == RECORDS_IN_A_BOMB
    assert worker.metrics()["emotion_tweets_consumed_total"] == 80 + RECORDS_IN_A_BOMB
    assert "expands to more than" in worker.log
    letters = read_committed(apache_stack, env["KAFKA_DEAD_LETTER_TOPIC"])
    assert [reason(letter) for letter in letters] == ["unreadable"] * RECORDS_IN_A_BOMB
    assert [dead_offset(letter) for letter in letters] == list(range(20, 20 + RECORDS_IN_A_BOMB))
    assert len(read_committed(apache_stack, env["KAFKA_OUTPUT_TOPIC"])) == 80
    assert worker.terminate() == ExitCode.OK
