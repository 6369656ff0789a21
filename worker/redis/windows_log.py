"""The log lines about the publishing of minutes, hours and days: each fact once until it ends."""

import logging
import threading
from collections import Counter
from collections.abc import Collection
from typing import Final

from tweets.records import Partition

log = logging.getLogger(__name__)

REFUSALS_BEFORE_ERROR: Final = 3
"""Rounds in a row in which Redis refuses a partition before an error is logged; a rebalance causes one or two."""


class WindowsLog:
    """What the log has of failures and refusals. `assigned` may be called by any thread."""

    def __init__(self) -> None:
        self._refusals_in_a_row: Counter[Partition] = Counter()
        self._lock = threading.Lock()
        self._failures: set[str] = set()

    def assigned(self) -> None:
        """Count refusals from zero."""
        with self._lock:
            self._refusals_in_a_row.clear()

    def pushed(self, partitions: Collection[Partition], *, stale: Collection[Partition]) -> None:
        """Count the rounds in which Redis refuses what is pushed of a partition."""
        with self._lock:
            self._refusals_in_a_row.update(stale)
            for partition in set(partitions).difference(stale):
                del self._refusals_in_a_row[partition]
            refused = [each for each in stale if self._refusals_in_a_row[each] == REFUSALS_BEFORE_ERROR]
        for partition in refused:
            log.error(
                "Redis keeps refusing minutes, hours and days of %s as older than what the keys "
                "REDIS_KEY_PREFIX:windows:* have; if no other worker owns this partition (was the group deleted?), "
                "run: python -m worker verify --repair",
                partition,
            )

    def succeeded(self) -> None:
        """Note that a round has published everything."""
        if self._failures:
            log.info("Redis answers again: publishing minutes, hours and days")
            self._failures.clear()

    def failed(self, error: Exception) -> None:
        """Log each reason once, until a round succeeds."""
        if str(error) not in self._failures:
            log.warning(
                "minutes, hours and days cannot be published to Redis (%s): classifying continues, publishing is "
                "retried",
                error,
            )
            self._failures.add(str(error))
