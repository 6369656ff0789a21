"""A consumer as most people write one: kafka-python, records to the same partition, counters in Redis, then a commit.

It delivers at least once. An error ends the program; its supervisor starts it again.
"""

import json
import os
from collections import Counter
from itertools import chain
from typing import Any

import redis
from kafka import KafkaConsumer, KafkaProducer

from chaos.peers.instant_label import labelled
from chaos.peers.time_outs import SESSION_TIMEOUT, milliseconds


def main() -> None:
    """Label the tweets of KAFKA_INPUT_TOPIC until a signal or an error."""
    servers = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
    consumer = KafkaConsumer(
        os.environ["KAFKA_INPUT_TOPIC"],
        bootstrap_servers=servers,
        group_id=os.environ["KAFKA_GROUP_ID"],
        session_timeout_ms=milliseconds(SESSION_TIMEOUT),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    producer = KafkaProducer(bootstrap_servers=servers)
    counters = redis.Redis.from_url(os.environ["REDIS_URL"])
    while True:
        polled = consumer.poll(timeout_ms=500)
        if not polled:
            continue
        emotions = publish(producer, chain.from_iterable(polled.values()))
        producer.flush()
        for emotion, number in emotions.items():
            counters.hincrby(f"{os.environ['REDIS_KEY_PREFIX']}:counts", emotion, number)
        consumer.commit()


def publish(producer: Any, records: Any) -> Counter[str]:
    """Send the labelled tweets of these records; return how many have each emotion."""
    emotions: Counter[str] = Counter()
    for record in records:
        tweet = labelled(json.loads(record.value))
        value = json.dumps(tweet).encode()
        producer.send(os.environ["KAFKA_OUTPUT_TOPIC"], value, record.key, partition=record.partition)
        emotions[tweet["emotion"]] += 1
    return emotions


if __name__ == "__main__":
    main()
