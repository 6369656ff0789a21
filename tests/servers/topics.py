"""Topics of their own for each test, and a client that is not the project's own, to write and to read them."""

import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka import Message as ClientMessage
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from deploy.local.ports import LOOPBACK
from tests.servers.stacks import Stack
from tests.servers.waiting import eventually
from worker.settings import Settings

_CLIENT_S: Final = 60.0
"""Seconds that a request of the tests' own clients may take."""

_BIG_RECORD_BYTES: Final = 20 * 1024 * 1024
"""Larger than every record of the tests."""


@dataclass(frozen=True, slots=True)
class Message:
    """A record as a client sends or reads it; a `partition` of None lets the client choose by key."""

    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    partition: int | None = None
    offset: int | None = None
    timestamp_ms: int = field(default=-1, compare=False)
    """The record's own timestamp, -1 before the record is sent."""


def unique_topics(
    stack: Stack, partitions: int = 12, *, topic_config: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Create four topics for one test; return the environment of a worker on them."""
    name = uuid.uuid4().hex[:12]
    topics = {
        "KAFKA_INPUT_TOPIC": f"tweets-{name}",
        "KAFKA_OUTPUT_TOPIC": f"emotions-{name}",
        "KAFKA_DEAD_LETTER_TOPIC": f"dead-letter-{name}",
    }
    create_topics(stack, topics.values(), partitions, config=topic_config)
    checkpoints = {"KAFKA_CHECKPOINT_TOPIC": f"checkpoints-{name}"}
    create_topics(stack, checkpoints.values(), partitions, config={"cleanup.policy": "compact"})
    return (
        topics
        | checkpoints
        | {
            "KAFKA_BOOTSTRAP_SERVERS": stack.bootstrap,
            "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
            "KAFKA_GROUP_ID": f"group-{name}",
            "REDIS_URL": stack.redis_url,
            "REDIS_KEY_PREFIX": f"{{{name}}}",
            "METRICS_HOST": LOOPBACK,
        }
    )


def settings_of(env: Mapping[str, str]) -> Settings:
    """Return the worker's settings of environment variables, of these alone."""
    return Settings.model_validate({name.lower(): value for name, value in env.items()})


def create_topics(
    stack: Stack, names: Iterable[str], partitions: int, *, config: Mapping[str, str] | None = None
) -> None:
    """Create topics; return when every partition of every topic has a leader."""
    admin = AdminClient({"bootstrap.servers": stack.bootstrap})
    new = [NewTopic(name, num_partitions=partitions, replication_factor=1, config=dict(config or {})) for name in names]
    for future in admin.create_topics(new).values():
        future.result(_CLIENT_S)

    def led() -> bool:
        topics = admin.list_topics(timeout=_CLIENT_S).topics
        described = [topics[topic.topic].partitions if topic.topic in topics else {} for topic in new]
        return all(
            len(each) == partitions and all(partition.leader >= 0 for partition in each.values()) for each in described
        )

    eventually(led, _CLIENT_S, "every partition has a leader")


def publish(stack: Stack, topic: str, records: Iterable[Message]) -> None:
    """Send records with a client that is not the project's own; return when Kafka has acknowledged all."""
    failures: list[KafkaError] = []
    producer = Producer(
        {
            "bootstrap.servers": stack.bootstrap,
            "enable.idempotence": True,
            "message.max.bytes": _BIG_RECORD_BYTES,
            "queue.buffering.max.messages": 1_000_000,
        }
    )

    def delivered(error: KafkaError | None, _message: ClientMessage) -> None:
        if error is not None:
            failures.append(error)

    for record in records:
        partition = -1 if record.partition is None else record.partition  # -1: the client chooses
        producer.produce(
            topic, record.value, record.key, partition, headers=list(record.headers), on_delivery=delivered
        )
        producer.poll(0)
    left = producer.flush(_CLIENT_S)
    assert (left, failures) == (0, []), f"{left} records unsent, {len(failures)} refused"


def read_committed(stack: Stack, topic: str) -> list[Message]:
    """Read everything committed on a topic, partition by partition, with a client that is not the project's own.

    It stops where each partition ends for a reader now: at its end, or before the first open transaction.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": stack.bootstrap,
            "group.id": f"reader-{uuid.uuid4().hex[:12]}",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.message.max.bytes": _BIG_RECORD_BYTES,
        }
    )
    try:
        return _read_to_ends(consumer, topic)
    finally:
        consumer.close()


def _read_to_ends(consumer: Consumer, topic: str) -> list[Message]:
    partitions = consumer.list_topics(topic, timeout=_CLIENT_S).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
    unread = set(partitions)
    found: list[Message] = []
    end_s = time.monotonic() + _CLIENT_S
    while unread:
        assert time.monotonic() < end_s, f"the ends of {topic} {sorted(unread)} not reached in {_CLIENT_S:g} s"
        for message in consumer.consume(1000, timeout=0.1):
            error = message.error()
            if error is None:
                found.append(_message(message))
            elif error.code() == KafkaError._PARTITION_EOF:
                unread.discard(message.partition())
            else:
                raise KafkaException(error)
    return sorted(found, key=lambda each: (each.partition, each.offset))


def _message(message: ClientMessage) -> Message:
    headers = cast(list[tuple[str, bytes | None]], message.headers() or [])
    _, timestamp_ms = message.timestamp()
    return Message(message.value(), message.key(), tuple(headers), message.partition(), message.offset(), timestamp_ms)
