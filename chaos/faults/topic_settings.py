"""Change one setting of a topic while the programs run, with a client that is not the one under test."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from chaos.faults.surroundings import healing
from chaos.stream.kafka_offsets import retried

_ATTEMPT_S: Final = 10.0


@contextmanager
def topic_setting(servers: str, topic: str, name: str, value: str, *, before: str | None = None) -> Iterator[None]:
    """Give a setting of a topic a value, and afterwards the one `before`; None: the broker's default.

    Raises ChaosError if Kafka does not accept the value in time, NotHealedError if the setting stays.
    """
    try:
        set_topic(servers, topic, name, value)
        yield
    finally:
        with healing():
            if before is None:
                unset_topic(servers, topic, name)
            else:
                set_topic(servers, topic, name, before)


def set_topic(servers: str, topic: str, name: str, value: str) -> None:
    """Give a setting of a topic a value. Raises ChaosError if Kafka does not accept it in time."""
    _alter(servers, topic, ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET))


def unset_topic(servers: str, topic: str, name: str) -> None:
    """Give a setting of a topic the broker's default. Raises ChaosError like `set_topic`."""
    _alter(servers, topic, ConfigEntry(name, "", incremental_operation=AlterConfigOpType.DELETE))


def _alter(servers: str, topic: str, entry: ConfigEntry) -> None:
    def attempt() -> None:
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})  # its futures end with it
        for future in admin.incremental_alter_configs([resource], request_timeout=_ATTEMPT_S).values():
            future.result(2 * _ATTEMPT_S)

    retried(attempt, f"change {entry.name} of topic {topic}")
