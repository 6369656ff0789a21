"""Faults of records and topics: poison, expanding batches, refused records, settings changed while running."""

from typing import Final

from chaos.faults.surroundings import Surroundings
from chaos.faults.topic_settings import output_setting
from chaos.schedule import Fault
from chaos.servers.cluster_view import OUTPUT_MAX_BYTES

_POISON_RECORDS: Final = 200

_REFUSED_RECORDS: Final = 100
"""Fewer of them could wait in one partition."""

_SENT_S: Final = 120.0
"""The feeder waits while nothing is labelled, and for brokers that do not answer."""

_REFUSED_S: Final = 120.0
"""The tweets before those without a key are labelled first, while other faults last."""

_SMALL_BYTES: Final = "2000"
"""Room for some labelled tweets of a run and not for a usual batch of them."""


def poison(around: Surroundings, _: Fault) -> None:
    """Send a burst of records that are no tweets; return once they are sent."""
    around.feeder.poison(_POISON_RECORDS)
    _wait_until_sent(around)


def bomb(around: Surroundings, fault: Fault) -> None:
    """Send a small batch that expands to more than a worker has room for; return once the batch is sent."""
    around.feeder.send_bomb(fault.target % around.names.partitions)
    _wait_until_sent(around)


def _wait_until_sent(around: Surroundings) -> None:
    around.wait_for(lambda: around.feeder.nothing_forced, _SENT_S, "the feeder may send the records")


def refused(around: Surroundings, _: Fault) -> None:
    """Let Kafka refuse labelled tweets without a key for good, until the first dead letter says so."""
    feeder, verifier = around.feeder, around.verifier
    with output_setting(around, "cleanup.policy", "compact"):
        sent, letters = feeder.keyless_sent, verifier.dead_letters("refused")
        feeder.keyless(True)
        try:
            around.wait_for(lambda: feeder.keyless_sent - sent >= _REFUSED_RECORDS, _SENT_S, "the feeder may send")
        finally:
            feeder.keyless(False)
        around.wait_for(lambda: verifier.dead_letters("refused") > letters, _REFUSED_S, "a tweet is refused")


def topic_settings(around: Surroundings, fault: Fault) -> None:
    """Lower the limit of a record batch on the output topic below what the workers send, and raise it again."""
    with output_setting(around, "max.message.bytes", _SMALL_BYTES, before=OUTPUT_MAX_BYTES):
        around.hold(fault.hold_s)
