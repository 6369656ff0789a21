"""Ends of topics, and the deletion of records, on brokers of which one may be down."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from chaos.errors import ChaosError
from chaos.stream.clients import CLIENT

log = logging.getLogger(__name__)

_T = TypeVar("_T")

_REQUEST_S: Final = 5.0
_ANSWER_S: Final = 60.0
"""Seconds until a broker must have answered: another broker may have to become the leader first."""

_PAUSE_S: Final = 0.5


class KafkaOffsets:
    """A client without the project's code."""

    def __init__(self, bootstrap: str) -> None:
        self._admin = AdminClient(CLIENT | {"bootstrap.servers": bootstrap})

    def ends(self, topic: str, *, committed: bool = False) -> dict[int, int]:
        """Return the end offset of each partition; `committed`: before the first open transaction.

        Raises ChaosError if the brokers do not answer in time.
        """
        return retried(lambda: self._ends(topic, committed=committed), f"tell the ends of {topic}")

    def has_open_transactions(self, topic: str) -> bool:
        """Return whether readers of committed records wait for the end of a transaction."""
        return self.ends(topic, committed=True) != self.ends(topic)

    def delete_before(self, topic: str, offsets: Mapping[int, int]) -> None:
        """Delete the records before these offsets. A broker that is down keeps its records until the next time."""
        wanted = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items() if offset > 0]
        if not wanted:
            return
        for deleted in self._admin.delete_records(wanted, request_timeout=_REQUEST_S).values():
            try:
                deleted.result(_REQUEST_S)
            except (KafkaException, TimeoutError) as error:
                log.info("records of %s are not deleted this time: %s", topic, error)

    def _ends(self, topic: str, *, committed: bool) -> dict[int, int]:
        described = self._admin.list_topics(topic, timeout=_REQUEST_S).topics[topic]
        if not described.partitions:
            raise ChaosError(f"topic {topic} does not exist")
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        asked = {TopicPartition(topic, partition): latest for partition in described.partitions}
        level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
        answers = self._admin.list_offsets(asked, isolation_level=level, request_timeout=_REQUEST_S)
        return {asked.partition: answer.result(_REQUEST_S).offset for asked, answer in answers.items()}


def retried(ask: Callable[[], _T], what: str) -> _T:
    """Ask again and again until Kafka answers; `what` follows "Kafka does not". Raises ChaosError after _ANSWER_S."""
    end_s = time.monotonic() + _ANSWER_S
    while True:
        try:
            return ask()
        except (KafkaException, TimeoutError) as error:
            if time.monotonic() > end_s:
                raise ChaosError(f"Kafka does not {what} within {_ANSWER_S:g} s: {error}") from error
        time.sleep(_PAUSE_S)
