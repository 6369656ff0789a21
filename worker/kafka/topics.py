"""The four topics: their creation, and the checks at the start that they exist and have enough partitions."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import AuthorizationError, InvalidPartitionsError, TopicAlreadyExistsError, for_code

from worker.errors import ExitCode, FatalError, TransientError
from worker.kafka.admin import admin_client
from worker.settings import Settings

log = logging.getLogger(__name__)

DEFAULT_MAX_MESSAGE_BYTES = 1_048_588
"""Kafka's default of max.message.bytes, assumed where the user may not read the configuration of a topic."""

OUTPUT_HEADROOM_BYTES = 65_536
"""A new output topic accepts records of this many bytes more than the input topic, for the headers of dead letters."""


CHECKPOINT_CONFIGS: Final = {
    "cleanup.policy": "compact",
    # Kafka compacts whole segments only: small ones keep the topic short, and a restore reads the topic.
    "segment.bytes": "1048576",
    "min.cleanable.dirty.ratio": "0.1",
    # Each commit leaves a transaction marker, which Kafka keeps for this long; longer than any reader of the topic.
    "delete.retention.ms": "60000",
}
"""The configuration of a new checkpoint topic."""


class Topics:
    """Checks and creates topics. Methods raise FatalError or TransientError."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def check(self) -> int:
        """Return the size in bytes of the largest record that both output topics accept.

        Raises FatalError if a topic is missing, another topic has fewer partitions than the input topic, or the
        cleanup policy of a topic would lose records.
        """
        settings = self._settings
        with self._admin() as admin:
            partitions = self._partitions(admin, self._names())
            for topic in self._names():
                self._check_one(topic, partitions)
            configs = self._configs(admin, self._names())
        sizes = {topic: _max_message_bytes(config) for topic, config in configs.items()}
        self._check_cleanup_policies(configs)
        outputs = min(sizes[settings.kafka_output_topic], sizes[settings.kafka_dead_letter_topic])
        if outputs < sizes[settings.kafka_input_topic]:
            log.warning(
                "the output topics accept records of %d bytes, the input topic of %d: "
                "larger dead letters will be truncated",
                outputs,
                sizes[settings.kafka_input_topic],
            )
        return outputs

    def input_max_bytes(self) -> int:
        """Return the size in bytes of the largest record that the input topic accepts."""
        topic = self._settings.kafka_input_topic
        with self._admin() as admin:
            return _max_message_bytes(self._configs(admin, [topic])[topic])

    def create(self, *, partitions: int, replication_factor: int, max_message_bytes: int | None) -> Iterator[str]:
        """Create the missing topics, add missing partitions to all but the input topic, and yield one line per topic.

        `partitions` and `replication_factor` are for new topics; -1 means the broker's default. Output topics get as
        many partitions as the input topic, and accept its largest record with the headers of a dead letter.
        """
        settings = self._settings
        with self._admin() as admin:
            existing = self._partitions(admin, self._names())
            topic = settings.kafka_input_topic
            configs = {} if max_message_bytes is None else {"max.message.bytes": str(max_message_bytes)}
            if topic not in existing and _create(admin, topic, partitions, replication_factor, configs):
                yield f"{topic}: created, {partitions if partitions > 0 else 'the default number of'} partitions"
            else:
                yield f"{topic}: exists, {self._count(admin, topic)} partitions"
            wanted = self._count(admin, topic)
            room = _max_message_bytes(self._configs(admin, [topic])[topic]) + OUTPUT_HEADROOM_BYTES
            for topic in settings.written_topics():
                checkpoints = topic == settings.kafka_checkpoint_topic
                configs = CHECKPOINT_CONFIGS if checkpoints else {"max.message.bytes": str(room)}
                if topic not in existing and _create(admin, topic, wanted, replication_factor, configs):
                    yield f"{topic}: created, {wanted} partitions"
                else:
                    yield self._grow(admin, topic, wanted)

    def _grow(self, admin: KafkaAdminClient, topic: str, wanted: int) -> str:
        """Add the missing partitions to a topic that exists, and return a line about the topic."""
        found = self._count(admin, topic)
        if found >= wanted:
            return f"{topic}: exists, {found} partitions"
        (answer,) = admin.create_partitions({topic: wanted}, raise_errors=False).results
        if answer.error_code == InvalidPartitionsError.errno:
            now = self._count(admin, topic)
            if now >= wanted:  # another program was faster
                return f"{topic}: exists, {now} partitions"
        _raise_refusal("add partitions to topic", topic, answer.error_code, answer.error_message)
        return f"{topic}: exists, grown from {found} to {wanted} partitions"

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

    def _check_cleanup_policies(self, configs: Mapping[str, Mapping[str, str]]) -> None:
        """Warn of a compacted output topic; raise FatalError where the policy would lose dead letters or checkpoints.

        A compacted topic refuses records without a key and keeps only the last record of each key. Any other policy
        deletes records by their age.
        """
        output, dead_letter = self._settings.kafka_output_topic, self._settings.kafka_dead_letter_topic
        if "compact" in configs[dead_letter].get("cleanup.policy", ""):
            raise FatalError(
                f"topic {dead_letter} has cleanup.policy={configs[dead_letter]['cleanup.policy']}: Kafka would refuse "
                "dead letters without a key and delete others; set cleanup.policy=delete on the topic",
                ExitCode.TOPICS,
            )
        checkpoints = self._settings.kafka_checkpoint_topic
        if configs[checkpoints].get("cleanup.policy", "compact") != "compact":
            raise FatalError(
                f"topic {checkpoints} has cleanup.policy={configs[checkpoints]['cleanup.policy']}: Kafka would delete "
                "the second copy of the counts; set cleanup.policy=compact on the topic",
                ExitCode.TOPICS,
            )
        if "compact" in configs[output].get("cleanup.policy", ""):
            log.warning(
                "topic %s has cleanup.policy=%s: a tweet without a key becomes a dead letter (reason refused), and "
                "Kafka keeps only the last labelled tweet of each key",
                output,
                configs[output]["cleanup.policy"],
            )

    def _admin(self) -> AbstractContextManager[KafkaAdminClient]:
        return admin_client(self._settings)

    def _names(self) -> list[str]:
        return [self._settings.kafka_input_topic, *self._settings.written_topics()]

    def _partitions(self, admin: KafkaAdminClient, names: list[str]) -> dict[str, int]:
        """Return topic → number of partitions, for those of the topics that exist."""
        described: list[dict[str, Any]] = admin.describe_topics(names)
        return {topic["name"]: len(topic["partitions"]) for topic in described if topic["error_code"] == 0}

    def _count(self, admin: KafkaAdminClient, topic: str) -> int:
        """Return the number of partitions of a topic that existed a moment ago."""
        found = self._partitions(admin, [topic]).get(topic)
        if found is None:
            raise TransientError(f"topic {topic} was deleted meanwhile: run python -m worker create-topics again")
        return found

    def _configs(self, admin: KafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
        """Return topic → its configuration; an empty one where this user may not read the configuration."""
        found: dict[str, dict[str, str]] = {name: {} for name in names}
        try:
            existing = self._partitions(admin, names)
            resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in existing]
            described = admin.describe_configs(resources, config_filter="all") if resources else {}
        except AuthorizationError:
            log.warning(
                "this user may not read the configuration of the topics (DESCRIBE_CONFIGS): assuming "
                "max.message.bytes=%d and the right cleanup.policy",
                DEFAULT_MAX_MESSAGE_BYTES,
            )
            return found
        for topics in described.values():
            for topic, configs in topics.items():
                found[topic] = {name: str(config["value"]) for name, config in configs.items()}
        return found


def _max_message_bytes(config: Mapping[str, str]) -> int:
    return int(config.get("max.message.bytes", DEFAULT_MAX_MESSAGE_BYTES))


def _create(
    admin: KafkaAdminClient, topic: str, partitions: int, replication_factor: int, configs: Mapping[str, str]
) -> bool:
    """Create a topic and wait until its partitions have leaders; return False if another program was faster."""
    options = {"num_partitions": partitions, "replication_factor": replication_factor, "configs": dict(configs)}
    (answer,) = admin.create_topics({topic: options}, raise_errors=False)["topics"]
    created: bool = answer["error_code"] != TopicAlreadyExistsError.errno
    if created:
        _raise_refusal("create topic", topic, answer["error_code"], answer.get("error_message"))
    admin.wait_for_topics([topic])
    return created


def _raise_refusal(operation: str, topic: str, code: int, sentence: str | None) -> None:
    """Raise TransientError with the broker's own sentence; the error of kafka-python is a dump of request and answer.

    An old broker gives no sentence, but a code, which has a description.
    """
    if code == 0:
        return
    error = for_code(code)
    advice = ": grant CREATE and ALTER on the topics" if issubclass(error, AuthorizationError) else ""
    raise TransientError(
        f"Kafka refuses to {operation} {topic} ({error.__name__}: {sentence or error.description}){advice}"
    )
