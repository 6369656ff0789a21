"""What brokers say about the consumer group and about a topic, for the causes that `verify` names."""

from typing import Any, Final

from kafka.admin import ConfigResource, ConfigResourceType

from tweets.records import Partition
from worker.errors import TransientError
from worker.kafka.admin import admin_client
from worker.settings import Settings

_SETTLED: Final = ("Stable", "Empty", "Dead")
"""States of a group in which the assignment does not change at the moment."""

_NO_GROUP: Final = "GroupIdNotFound"
"""In the error of newer brokers for a group that has neither members nor offsets."""


def owned_partitions(settings: Settings) -> frozenset[Partition] | None:
    """Return the input partitions that members of the group own; None while the group rebalances.

    Raises TransientError or FatalError.
    """
    with admin_client(settings) as admin:
        described = admin.describe_groups([settings.kafka_group_id])
    group = described.get(settings.kafka_group_id, {"error": "the group is not described"})
    error = group["error"] or ""
    if error and _NO_GROUP not in error:
        raise TransientError(error)
    if not error and group["group_state"] not in _SETTLED:
        return None
    return frozenset(
        Partition(topic["topic"], number)
        for member in group["members"]
        for topic in _assigned(member["member_assignment"])
        for number in topic["partitions"]
        if topic["topic"] == settings.kafka_input_topic
    )


def cleanup_policy(settings: Settings, topic: str) -> str:
    """Return the setting `cleanup.policy` of a topic. Raises TransientError or FatalError."""
    with admin_client(settings) as admin:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        described = admin.describe_configs([resource], config_filter="all")
    policies = [topics[topic].get("cleanup.policy") for topics in described.values() if topic in topics]
    return str(policies[0]["value"]) if policies and policies[0] else ""


def _assigned(assignment: Any) -> list[dict[str, Any]]:
    """Return the topics of a decoded assignment; none for a member that has no assignment yet."""
    return list(assignment["assigned_partitions"]) if isinstance(assignment, dict) else []
