"""The three topics: their creation, and the checks at the start that they exist and have enough partitions."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import AuthorizationError, KafkaError

from worker import time_limits
from worker.errors import ExitCode, FatalError
from worker.kafka.client import RepairedClient
from worker.kafka.errors import translated
from worker.settings import Settings

log = logging.getLogger(__name__)

DEFAULT_MAX_MESSAGE_BYTES = 1_048_588
"""Kafka's default of max.message.bytes, assumed where the user may not read the configuration of a topic."""

OUTPUT_HEADROOM_BYTES = 65_536
"""A new output topic accepts records of this many bytes more than the input topic, for the headers of dead letters."""


class Topics:
    """Checks and creates topics. Methods raise FatalError or TransientError."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def check(self) -> int:
        """Return the size in bytes of the largest record that both output topics accept.

        Raises FatalError if a topic is missing or an output topic has fewer partitions than the input topic.
        """
        settings = self._settings
        with self._admin() as admin:
            partitions = self._partitions(admin)
            for topic in (settings.kafka_input_topic, settings.kafka_output_topic, settings.kafka_dead_letter_topic):
                self._check_one(topic, partitions)
            sizes = self._max_message_bytes(admin)
        outputs = min(sizes[settings.kafka_output_topic], sizes[settings.kafka_dead_letter_topic])
        if outputs < sizes[settings.kafka_input_topic]:
            log.warning(
                "the output topics accept records of %d bytes, the input topic of %d: "
                "larger dead letters will be truncated",
                outputs,
                sizes[settings.kafka_input_topic],
            )
        return outputs

    def create(self, *, partitions: int, replication_factor: int, max_message_bytes: int | None) -> Iterator[str]:
        """Create the missing topics, add missing partitions to output topics, and yield one line per topic.

        `partitions` and `replication_factor` are for new topics; -1 means the broker's default. Output topics get as
        many partitions as the input topic, and accept its largest record with the headers of a dead letter.
        """
        settings = self._settings
        with self._admin() as admin:
            existing = self._partitions(admin)
            topic = settings.kafka_input_topic
            if topic in existing:
                yield f"{topic}: exists, {existing[topic]} partitions"
            else:
                yield _create(admin, topic, partitions, replication_factor, max_message_bytes)
            wanted = self._partitions(admin)[topic]
            room = self._max_message_bytes(admin)[topic] + OUTPUT_HEADROOM_BYTES
            for topic in (settings.kafka_output_topic, settings.kafka_dead_letter_topic):
                if topic not in existing:
                    yield _create(admin, topic, wanted, replication_factor, room)
                elif existing[topic] < wanted:
                    admin.create_partitions({topic: wanted})
                    yield f"{topic}: exists, grown from {existing[topic]} to {wanted} partitions"
                else:
                    yield f"{topic}: exists, {existing[topic]} partitions"

    def _check_one(self, topic: str, partitions: Mapping[str, int]) -> None:
        needed = partitions.get(self._settings.kafka_input_topic, 1)
        found = partitions.get(topic)
        if found is None:
            what = "does not exist, or this user may not see it"
        elif found < needed:
            what = f"has {found} partitions and needs {needed}, as many as {self._settings.kafka_input_topic}"
        else:
            return
        raise FatalError(
            f"topic {topic} {what} (Kafka at {self._settings.kafka_bootstrap_servers}): "
            "run python -m worker create-topics",
            ExitCode.TOPICS,
        )

    @contextmanager
    def _admin(self) -> Iterator[KafkaAdminClient]:
        settings = self._settings
        try:
            admin = KafkaAdminClient(
                **settings.kafka_connection(),
                kafka_client=RepairedClient,
                bootstrap_timeout_ms=time_limits.BOOTSTRAP.ms,
                request_timeout_ms=time_limits.ADMIN_REQUEST.ms,
            )
            try:
                yield admin
            finally:
                admin.close()
        except (KafkaError, TypeError) as error:
            raise translated(error, settings.kafka_bootstrap_servers) from error

    def _partitions(self, admin: KafkaAdminClient) -> dict[str, int]:
        """Return topic → number of partitions, for those of the three topics that exist."""
        settings = self._settings
        names = [settings.kafka_input_topic, settings.kafka_output_topic, settings.kafka_dead_letter_topic]
        described: list[dict[str, Any]] = admin.describe_topics(names)
        return {topic["name"]: len(topic["partitions"]) for topic in described if topic["error_code"] == 0}

    def _max_message_bytes(self, admin: KafkaAdminClient) -> dict[str, int]:
        """Return topic → max.message.bytes; Kafka's default where this user may not read the configuration."""
        settings = self._settings
        names = [settings.kafka_input_topic, settings.kafka_output_topic, settings.kafka_dead_letter_topic]
        sizes = dict.fromkeys(names, DEFAULT_MAX_MESSAGE_BYTES)
        try:
            existing = [name for name in names if name in self._partitions(admin)]
            resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in existing]
            described = admin.describe_configs(resources, config_filter="all") if resources else {}
        except AuthorizationError:
            log.warning(
                "this user may not read max.message.bytes of the topics (DESCRIBE_CONFIGS): assuming %d",
                DEFAULT_MAX_MESSAGE_BYTES,
            )
            return sizes
        for topics in described.values():
            for topic, configs in topics.items():
                if "max.message.bytes" in configs:
                    sizes[topic] = int(configs["max.message.bytes"]["value"])
        return sizes


def _create(
    admin: KafkaAdminClient, topic: str, partitions: int, replication_factor: int, max_message_bytes: int | None
) -> str:
    configs = {} if max_message_bytes is None else {"max.message.bytes": str(max_message_bytes)}
    options = {"num_partitions": partitions, "replication_factor": replication_factor, "configs": configs}
    admin.create_topics({topic: options}, wait_for_metadata=True)
    return f"{topic}: created, {partitions if partitions > 0 else 'the default number of'} partitions"
