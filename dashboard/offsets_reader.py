"""Reads where the topics end and what the workers' group has committed, without joining the group."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import (
    AuthorizationError,
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    NotCoordinatorError,
)

from worker import time_limits
from worker.kafka.client import RepairedClient
from worker.kafka.connection import connection_arguments
from worker.kafka.errors import translating
from worker.settings import Settings

_REQUEST_TIMEOUT_MS: Final = 3_000
"""The page shows a broker that hangs as silent after this time."""

_NO_COORDINATOR: Final = (CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError)
"""The group has no coordinator, or another one than before; the next read asks again."""


@dataclass(frozen=True, slots=True)
class TopicOffsets:
    """Partition → offset, all read within milliseconds; a topic that does not exist has no partitions.

    `committed` is None if the user has no permission to read the group's offsets, and while the group has no
    coordinator: Kafka creates the topic of the offsets at its first use.
    """

    output_ends: Mapping[int, int]
    input_ends: Mapping[int, int]
    committed: Mapping[int, int] | None


class OffsetsReader:
    """A connection for reading offsets. Methods raise TransientError or FatalError; then a new reader is needed."""

    def __init__(self, settings: Settings) -> None:
        """Connect; call this after `wait_until_reachable`, because the client leaks a thread if no broker answers."""
        self._settings = settings
        with translating(self._settings.kafka_bootstrap_servers):
            self._admin = KafkaAdminClient(
                **connection_arguments(settings),
                kafka_client=RepairedClient,
                bootstrap_timeout_ms=time_limits.BOOTSTRAP.ms,
                request_timeout_ms=_REQUEST_TIMEOUT_MS,
                retry_backoff_ms=time_limits.REQUEST_RETRY_PAUSE.ms,
                reconnect_backoff_max_ms=time_limits.RECONNECT_PAUSE_MAX.ms,
            )

    def read(self) -> TopicOffsets:
        """Read all offsets; this takes a few milliseconds."""
        with translating(self._settings.kafka_bootstrap_servers):
            settings = self._settings
            numbers = self._partitions(settings.kafka_input_topic, settings.kafka_output_topic)
            inputs, outputs = numbers[settings.kafka_input_topic], numbers[settings.kafka_output_topic]
            ends = self._offsets([*inputs, *outputs], OffsetSpec.LATEST)
            return TopicOffsets(
                output_ends={each.partition: ends[each] for each in outputs},
                input_ends={each.partition: ends[each] for each in inputs},
                committed=self._committed(inputs),
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._admin.close()

    def _partitions(self, *topics: str) -> dict[str, list[TopicPartition]]:
        described: list[dict[str, Any]] = self._admin.describe_topics(list(topics))
        found: dict[str, list[TopicPartition]] = {topic: [] for topic in topics}
        for topic in described:
            numbers = sorted(each["partition_index"] for each in topic["partitions"])
            found[topic["name"]] = [TopicPartition(topic["name"], number) for number in numbers]
        return found

    def _offsets(self, partitions: list[TopicPartition], spec: OffsetSpec) -> dict[TopicPartition, int]:
        if not partitions:
            return {}
        specs = dict.fromkeys(partitions, spec)
        answer = self._admin.list_partition_offsets(specs, isolation_level="read_committed")
        return {partition: at.offset for partition, at in answer.items()}

    def _committed(self, partitions: list[TopicPartition]) -> dict[int, int] | None:
        """Return the group's offsets; a partition counts from its first record if the committed offset is before it.

        A partition without a committed offset counts from its first record too.
        """
        if not partitions:
            return {}
        group = self._settings.kafka_group_id
        try:
            answer = self._admin.list_group_offsets({group: partitions})[group]
        except AuthorizationError:
            return None
        except _NO_COORDINATOR:
            self._admin._manager.cluster._coordinators.clear()  # kafka-python would ask the earlier coordinator again
            return None
        committed = {partition: at.offset for partition, at in answer.items()}
        first = self._offsets(partitions, OffsetSpec.EARLIEST)
        return {each.partition: max(first[each], committed.get(each, -1)) for each in partitions}
