"""What the brokers report about topics, replicas and coordinators."""

import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from chaos.errors import ChaosError
from chaos.servers.broker_settings import REPLICAS, TRANSACTION_PARTITIONS
from chaos.servers.waiting import wait_until
from chaos.stream_names import StreamNames
from worker.kafka.topics import CHECKPOINT_CONFIGS, DEFAULT_MAX_MESSAGE_BYTES, OUTPUT_HEADROOM_BYTES

_ANSWER_S: Final = 5.0
_BROKER_ANSWER_S: Final = 1.0
"""After this the client no longer asks a frozen broker, until the broker answers again."""

_ATTEMPTS: Final = 3
_CREATED_S: Final = 60.0
_METADATA_AGE_MS: Final = 1500
"""Controllers that follow the leader fetch from it twice a second."""

_METADATA_LAG: Final = 5
"""Records; the leader writes two a second when nothing happens."""

_TRANSACTION_TOPIC: Final = "__transaction_state"

OUTPUT_MAX_BYTES: Final = str(DEFAULT_MAX_MESSAGE_BYTES + OUTPUT_HEADROOM_BYTES)
"""`max.message.bytes` of both output topics, as `python -m worker create-topics` sets it."""


class ClusterView:
    """Asks the brokers at these addresses; methods return numbers of brokers that count from 0.

    A broker that is cut off from the others answers with what it knew before, where it can still be asked.
    """

    def __init__(self, servers: str) -> None:
        self._servers = servers
        settings: dict[str, Any] = {
            "bootstrap.servers": servers,
            "socket.timeout.ms": int(1000 * _BROKER_ANSWER_S),
            "log_level": 0,
            "error_cb": _ignore,
        }
        self._admin = AdminClient(settings)
        self._quorum: KafkaAdminClient | None = None

    def brokers(self) -> set[int]:
        """Return the brokers that clients may use, none while no broker answers."""
        with suppress(ChaosError):
            return {node - 1 for node in self._metadata().brokers}
        return set()

    def in_sync(self) -> bool:
        """Return whether every partition of every topic has a leader and all replicas, as up-to-date brokers see it."""
        if not self._controllers_follow():  # the answer of a broker that was cut off is old
            return False
        with suppress(ChaosError):
            found = self._metadata()
            partitions = [each for topic in found.topics.values() for each in topic.partitions.values()]
            return len(found.brokers) == REPLICAS and all(
                partition.leader >= 0 and len(partition.isrs) == len(partition.replicas) == REPLICAS
                for partition in partitions
            )
        return False

    def leader_of(self, topic: str, partition: int) -> int:
        """Return the broker that leads a partition. Raise ChaosError while there is none."""
        found = self._metadata(topic).topics[topic].partitions.get(partition)
        if found is None or found.leader < 0:
            raise ChaosError(f"{topic}[{partition}] has no leader")
        return int(found.leader) - 1

    def coordinator_of_transaction(self, transactional_id: str) -> int:
        """Return the broker that coordinates the transactions of this id."""
        return self.leader_of(_TRANSACTION_TOPIC, abs(java_hash(transactional_id)) % TRANSACTION_PARTITIONS)

    def create_topics(self, names: StreamNames) -> None:
        """Create those of the four topics that do not exist; return when each partition has a leader."""
        room = {"max.message.bytes": OUTPUT_MAX_BYTES}
        topics: Mapping[str, Mapping[str, str]] = {
            names.input: {},
            names.output: room,
            names.dead_letters: room,
            names.checkpoints: CHECKPOINT_CONFIGS,
        }
        existing = self._metadata().topics
        new = [
            NewTopic(topic, num_partitions=names.partitions, replication_factor=REPLICAS, config=dict(config))
            for topic, config in topics.items()
            if topic not in existing
        ]
        created = self._admin.create_topics(new, request_timeout=_CREATED_S) if new else {}
        for future in created.values():
            future.result(_CREATED_S)
        for topic in topics:
            wait_until(partial(self._led, topic, names.partitions), _CREATED_S, f"partitions of {topic} have leaders")

    def close(self) -> None:
        """Close the connections."""
        if self._quorum is not None:
            self._quorum.close()
            self._quorum = None

    def _led(self, topic: str, partitions: int) -> bool:
        found = self._metadata(topic).topics[topic].partitions
        return len(found) == partitions and all(partition.leader >= 0 for partition in found.values())

    def _metadata(self, topic: str | None = None) -> Any:
        """Ask any broker, and another one if that one does not answer. Raise ChaosError if none of them does."""
        for _ in range(_ATTEMPTS):
            with suppress(KafkaException):
                return self._admin.list_topics(topic, timeout=_ANSWER_S)
        raise ChaosError("no Kafka broker answers")

    def _controllers_follow(self) -> bool:
        """Return whether all controllers have the latest metadata, which each broker takes from its own controller."""
        try:
            if self._quorum is None:
                self._quorum = KafkaAdminClient(
                    bootstrap_servers=self._servers.split(","),
                    bootstrap_timeout_ms=1000 * _ANSWER_S,
                    request_timeout_ms=1000 * _ANSWER_S,
                )
            quorum = self._quorum.describe_metadata_quorum()["topics"][0]["partitions"][0]
        except KafkaError:
            self.close()
            return False
        voters = quorum["current_voters"]
        return not quorum["error"] and len(voters) == REPLICAS and all(_follows(voter, quorum) for voter in voters)


def java_hash(text: str) -> int:
    """Return Java's `String.hashCode`, by which Kafka chooses the partition of a transactional id."""
    code = 0
    for unit in memoryview(text.encode("utf-16-le")).cast("H"):
        code = (31 * code + unit) & 0xFFFFFFFF
    return code - (1 << 32) if code >= 1 << 31 else code


def _follows(voter: Mapping[str, int], quorum: Mapping[str, Any]) -> bool:
    if voter["replica_id"] == quorum["leader_id"]:
        return True
    age_ms = time.time() * 1000 - voter["last_fetch_timestamp"]
    return age_ms < _METADATA_AGE_MS and quorum["high_watermark"] - voter["log_end_offset"] < _METADATA_LAG


def _ignore(_error: object) -> None:
    """Say nothing about brokers that are down, as they are on purpose."""
