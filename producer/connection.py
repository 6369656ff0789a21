"""The connection of a replay to Kafka: an idempotent producer, and errors that name what to change."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from kafka import KafkaProducer
from kafka.errors import AuthorizationError, KafkaError, KafkaTimeoutError

from producer.deliveries import Delivery
from producer.replay import Send
from worker.errors import ExitCode, FatalError
from worker.kafka.client import NETWORK, RepairedClient, discard
from worker.kafka.connection import connection_arguments
from worker.kafka.errors import translated
from worker.kafka.reachable import wait_until_reachable
from worker.settings import Settings

DELIVERY_LIMIT_S: Final = 14.0
"""A tweet that no broker has acknowledged after this time has failed."""


@contextmanager
def connected(settings: Settings) -> Iterator[Send]:
    """Yield the function that sends to the input topic; afterwards disconnect and drop what was not sent.

    Raises FatalError, whose text is one line, if no broker answers, the topic is missing or WRITE is not allowed.
    """
    wait_until_reachable(settings)
    try:
        producer = _new_producer(settings)
    except KafkaError as error:
        raise translated(error, settings.kafka_bootstrap_servers) from error
    try:
        _check_topic(producer, settings)
        yield partial(_send, producer, settings.kafka_input_topic)
    finally:
        discard(producer)


def _send(producer: KafkaProducer, topic: str, key: bytes, value: bytes) -> Delivery:
    delivery: Delivery = producer.send(topic, key=key, value=value)
    return delivery


def _new_producer(settings: Settings) -> KafkaProducer:
    return KafkaProducer(
        **NETWORK,
        **connection_arguments(settings),
        kafka_client=RepairedClient,
        enable_idempotence=True,
        acks="all",
        allow_auto_create_topics=False,
        linger_ms=5,
        # An idempotent kafka-python producer has one batch per partition in flight; 16 KiB, the default, are too slow.
        batch_size=262_144,
        delivery_timeout_ms=round(DELIVERY_LIMIT_S * 1000),
        max_block_ms=5_000,
    )


def _check_topic(producer: KafkaProducer, settings: Settings) -> None:
    topic, servers = settings.kafka_input_topic, settings.kafka_bootstrap_servers
    try:
        producer.partitions_for(topic)
    except AuthorizationError as error:
        raise FatalError(
            f"Kafka at {servers} does not let this user write to topic {topic!r} ({error}): grant WRITE on the topic",
            ExitCode.KAFKA,
        ) from error
    except KafkaTimeoutError as error:
        raise FatalError(
            f"topic {topic!r} does not exist at {servers}: create it with `python -m worker create-topics`, "
            "or check KAFKA_INPUT_TOPIC",
            ExitCode.TOPICS,
        ) from error
