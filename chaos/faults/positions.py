"""Delete the committed offsets of a group, as the retention of Kafka or a tool does."""

from contextlib import suppress
from typing import Final

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import KafkaError, NoError

from chaos.faults.surroundings import Surroundings

_REQUEST_MS: Final = 10_000

_GROUP_IS_EMPTY_S: Final = 30.0
"""A member with a WORKER_ID stays in the group until its session ends; a broker may be away meanwhile."""


def delete_positions(around: Surroundings) -> None:
    """Delete the offsets of the input topic. Raises NotInjectedError if Kafka does not allow it in time."""
    around.wait_for(lambda: _deleted(around), _GROUP_IS_EMPTY_S, "delete the offsets of the group")


def _deleted(around: Surroundings) -> bool:
    names = around.names
    partitions = [TopicPartition(names.input, number) for number in range(names.partitions)]
    servers = around.cluster.direct.split(",")
    limits = {"request_timeout_ms": _REQUEST_MS, "bootstrap_timeout_ms": _REQUEST_MS}
    with suppress(KafkaError), KafkaAdminClient(bootstrap_servers=servers, **limits) as admin:
        answers = admin.delete_group_offsets(names.group, partitions)
        return bool(answers) and all(answer is NoError for answer in answers.values())
    return False
