"""Change one setting of the output topic while the programs run, with a client that is not the one under test."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from chaos.faults.surroundings import Surroundings, healing
from chaos.stream.kafka_offsets import retried

_ATTEMPT_S: Final = 10.0


@contextmanager
def output_setting(around: Surroundings, name: str, value: str, *, before: str | None = None) -> Iterator[None]:
    """Give a setting of the output topic a value, and afterwards the one `before`; None: the broker's default.

    Raises ChaosError if Kafka does not accept the value in time, NotHealedError if the setting stays.
    """
    servers, topic = around.cluster.direct, around.names.output
    try:
        set_topic(servers, topic, name, value)
        yield
    finally:
        with healing():
            set_topic(servers, topic, name, before)


def set_topic(servers: str, topic: str, name: str, value: str | None) -> None:
    """Give a setting of a topic a value; None: the broker's default.

    Raises ChaosError if Kafka does not accept the value in time.
    """
    operation = AlterConfigOpType.DELETE if value is None else AlterConfigOpType.SET
    entry = ConfigEntry(name, value or "", incremental_operation=operation)

    def attempt() -> None:
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})  # its futures end with it
        for future in admin.incremental_alter_configs([resource], request_timeout=_ATTEMPT_S).values():
            future.result(2 * _ATTEMPT_S)

    retried(attempt, f"change {name} of topic {topic}")
