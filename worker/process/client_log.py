"""Log lines of the Kafka client about states that a healthy start passes through."""

import logging
import re
from typing import Final

from worker import time_limits

_PASSING: Final = tuple(
    re.compile(line)
    for line in (
        # At the first use of a cluster, Kafka creates the topic of the offsets: its partitions, the coordinators of
        # the groups, have no leader yet, or another one than the client has looked up. The client looks up again.
        r"Marking the coordinator dead .*(NotCoordinator|CoordinatorNotAvailable)",
        r"Heartbeat failed for group .*: coordinator .* is either not started or not valid",
        # The look-up of committed offsets waits for the transaction of the last owner of a partition.
        r"Unknown error fetching offsets.*UnstableOffsetCommit",
        # The first member may join before it has the metadata of the input topic; the member joins again with them.
        r"No partition metadata for topic",
        # A broker that has just started does not know the brokers of the cluster yet; the client asks again.
        r"No broker metadata found in MetadataResponse",
        r"Bootstrap metadata response has no brokers",
        # The client closes its first connection, to a bootstrap address, with a request of its own under way.
        r"Metadata refresh: failed Cancelled",
    )
)
"""Beginnings of these lines. They report faults only if they come again and again."""


class PassingStates(logging.Filter):
    """Drops such a line, unless the same line has come again and again for CLIENT_LOG_HOLD."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[re.Pattern[str], tuple[float, float]] = {}
        """Line → when the state began, and when the last line came, in seconds since 1970."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is written."""
        if not record.name.startswith("kafka"):
            return True
        message = record.getMessage()
        line = next((each for each in _PASSING if each.match(message)), None)
        if line is None:
            return True
        now_s = record.created
        began_s, last_s = self._seen.get(line, (now_s, now_s))
        if now_s - last_s > time_limits.CLIENT_LOG_REPEAT.seconds:  # the state had ended
            began_s = now_s
        self._seen[line] = (began_s, now_s)
        return now_s - began_s >= time_limits.CLIENT_LOG_HOLD.seconds
