"""A consumer that waits for records leaves the processor to the others."""

from contextlib import closing
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from tests.servers import Message, Stack, publish, settings_of, unique_topics
from worker import time_limits
from worker.kafka.client import Consumer, consumer_arguments

WAIT_MS = 500


def test_an_idle_poll_fetches_no_more_often_than_the_limit_allows(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The embedded Kafka answers a fetch without records at once; without a pause the client uses a whole core.
    env = unique_topics(stack, 1)
    rounds, fetch = [], KafkaConsumer._poll_once

    def counted(self: KafkaConsumer, *args: Any, **kwargs: Any) -> Any:
        rounds.append(1)
        return fetch(self, *args, **kwargs)

    monkeypatch.setattr(KafkaConsumer, "_poll_once", counted)
    partition = TopicPartition(env["KAFKA_INPUT_TOPIC"], 0)
    with closing(Consumer(**consumer_arguments(settings_of(env)), group_id=None)) as consumer:
        consumer.assign([partition])
        assert consumer.position(partition) == 0
        assert consumer.poll(timeout_ms=WAIT_MS) == {}
        last = 3  # at the end of the poll: the fetch after a shorter pause, and those after it
        assert 1 <= len(rounds) <= WAIT_MS / time_limits.EMPTY_FETCH.ms + last

        publish(stack, partition.topic, [Message(b"value")])
        assert [record.value for record in consumer.poll(timeout_ms=10_000)[partition]] == [b"value"]
