"""Faults of records and topics: poison, expanding batches, refused records, settings changed while running."""

from typing import Final

from chaos.faults.surroundings import Surroundings
from chaos.faults.topic_settings import set_topic, unset_topic
from chaos.schedule import Fault

_POISON_RECORDS: Final = 200

_SMALL_BYTES: Final = "2000"
"""Room for some labelled tweets of a run and not for a usual batch of them."""


def poison(around: Surroundings, _: Fault) -> None:
    """Send a burst of records that are no tweets."""
    around.feeder.poison(_POISON_RECORDS)


def bomb(around: Surroundings, fault: Fault) -> None:
    """Send a small batch that expands to more than a worker has room for."""
    around.feeder.send_bomb(fault.target % around.names.partitions)


def refused(around: Surroundings, fault: Fault) -> None:
    """Let Kafka refuse labelled tweets without a key for good, while such tweets come."""
    servers, topic = around.cluster.direct, around.names.output
    try:
        set_topic(servers, topic, "cleanup.policy", "compact")
        around.feeder.keyless(True)
        around.hold(fault.hold_s)
    finally:
        around.feeder.keyless(False)
        unset_topic(servers, topic, "cleanup.policy")


def topic_settings(around: Surroundings, fault: Fault) -> None:
    """Lower the limit of a record batch on the output topic below what the workers send, and raise it again."""
    servers, topic = around.cluster.direct, around.names.output
    try:
        set_topic(servers, topic, "max.message.bytes", _SMALL_BYTES)
        around.hold(fault.hold_s)
    finally:
        unset_topic(servers, topic, "max.message.bytes")
