"""A peer that labels some tweets without a fault, and what must hold afterwards, whatever the peer is."""

from collections import Counter
from pathlib import Path

import redis

from benchmarks.suite.drain import running
from benchmarks.suite.programs import Program
from chaos.peers.instant_label import labelled
from tests.servers import Message, Stack, publish, read_committed, unique_topics
from tests.servers.waiting import eventually, while_alive
from tests.stream.tweets import fields, sample_tweets
from tests.stream.verifier import Verifier

TWEETS = 300
PARTITIONS = 3
DONE_S = 90.0


def label_some_tweets(program: Program, stack: Stack, folder: Path) -> tuple[list[Message], list[Message]]:
    """Return the input and the output in the order of their partitions.

    Asserts that each tweet is labelled once, and that the hash in Redis has the emotions of the output.
    """
    env = unique_topics(stack, PARTITIONS)
    sent = sample_tweets(TWEETS, partitions=PARTITIONS)
    publish(stack, env["KAFKA_INPUT_TOPIC"], sent)
    verifier = Verifier(stack, env)
    with running(program, env, folder) as child:
        done = while_alive(child, lambda: verifier.committed() >= TWEETS)
        eventually(done, DONE_S, f"{program.name} has committed all tweets")
    found = read_committed(stack, env["KAFKA_OUTPUT_TOPIC"])
    expected = [labelled(fields(message)) for message in sent]
    assert sorted(map(str, map(fields, found))) == sorted(map(str, expected))
    with redis.Redis.from_url(stack.redis_url, decode_responses=True) as client:
        counters = client.hgetall(f"{env['REDIS_KEY_PREFIX']}:counts")
    assert {name: int(number) for name, number in counters.items()} == Counter(each["emotion"] for each in expected)
    return sorted(sent, key=lambda each: each.partition or 0), found
