"""Topics of a measurement: an input topic with a backlog, and for each run of a program an output and a group."""

import json
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError

from benchmarks.suite.progress import say
from benchmarks.suite.servers import Servers
from deploy.local.ports import LOOPBACK
from worker.kafka.topics import Topics
from worker.settings import Settings

#: The default of `create-topics`.
PARTITIONS: Final = 12

#: All records of the backlog are acknowledged: far more than a slow disk needs.
_FLUSH_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Backlog:
    """An input topic with `tweets` records, spread evenly over its partitions."""

    servers: Servers
    topic: str
    tweets: int
    partitions: int = PARTITIONS

    def new_run(self) -> dict[str, str]:
        """Create output topics for one run; return the environment of a program that reads the whole backlog."""
        return new_environment(self.servers, self.topic, self.partitions)


def new_environment(servers: Servers, topic: str, partitions: int) -> dict[str, str]:
    """Create the topics of one run that are missing; return the environment of its programs."""
    run = uuid.uuid4().hex[:8]
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": servers.bootstrap,
        "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
        "KAFKA_GROUP_ID": f"bench-{run}",
        "KAFKA_INPUT_TOPIC": topic,
        "KAFKA_OUTPUT_TOPIC": f"bench-{run}.emotions",
        "KAFKA_DEAD_LETTER_TOPIC": f"bench-{run}.dead-letter",
        "KAFKA_CHECKPOINT_TOPIC": f"bench-{run}.checkpoints",
        "REDIS_URL": servers.redis_url,
        "REDIS_KEY_PREFIX": f"{{bench-{run}}}",
        "METRICS_HOST": LOOPBACK,
        "METRICS_PORT": "0",
        "DEVICE": "cpu",
    }
    values: dict[str, Any] = {name.lower(): value for name, value in environment.items()}
    for _ in Topics(Settings(**values)).create(partitions=partitions, replication_factor=-1, max_message_bytes=None):
        pass
    return environment


def fill(servers: Servers, texts: Iterable[str], *, partitions: int = PARTITIONS) -> Backlog:
    """Create an input topic and send the texts as tweets, in turn to each partition."""
    topic = f"bench-tweets-{uuid.uuid4().hex[:8]}"
    new_environment(servers, topic, partitions)
    producer = KafkaProducer(bootstrap_servers=servers.bootstrap, linger_ms=50, batch_size=262_144)
    number = 0
    for number, text in enumerate(texts, start=1):
        producer.send(topic, *record(number, text), partition=number % partitions)
    producer.flush(_FLUSH_S)
    producer.close()
    say(f"{number:,} tweets are on an input topic with {partitions} partitions")
    return Backlog(servers, topic, number, partitions)


def delete(servers: Servers, topics: Iterable[str]) -> None:
    """Delete topics that are not needed any more: an embedded Kafka keeps all records in memory."""
    admin = KafkaAdminClient(bootstrap_servers=servers.bootstrap)
    with suppress(KafkaError):  # the topics also end with the broker
        admin.delete_topics(list(topics))
    admin.close()


def outputs(run: Mapping[str, str]) -> list[str]:
    """Return the topics that one run has written."""
    return [run[f"KAFKA_{name}_TOPIC"] for name in ("OUTPUT", "DEAD_LETTER", "CHECKPOINT")]


def record(number: int, text: str) -> tuple[bytes, bytes]:
    """Return value and key of a tweet."""
    key = f"bench-{number}"
    return json.dumps({"id": key, "text": text}, ensure_ascii=False).encode("utf-8", "replace"), key.encode()


class CommittedTweets:
    """The number of tweets that a group has committed, asked from the broker."""

    def __init__(self, servers: Servers, group: str) -> None:
        self._group = group
        self._admin = KafkaAdminClient(bootstrap_servers=servers.bootstrap)
        self._total = 0

    def total(self) -> int:
        """Return the sum of the committed offsets, at the last look if the broker cannot answer now.

        Every partition begins at 0. Raises KafkaError if the broker will not answer later either.
        """
        try:
            found = self._admin.list_group_offsets(self._group)[self._group]
        except KafkaError as error:
            if not error.retriable:
                raise
        else:
            self._total = sum(max(0, each.offset) for each in found.values())
        return self._total

    def close(self) -> None:
        """Close the client."""
        self._admin.close()
