"""Ends a request to the group's coordinator that never gets an outcome.

kafka-python 3.0.12 gives each request a time limit, and waits for the outcome at each poll. In fault injection, a
worker waited at every poll for more than three minutes, in no group and without an error.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from worker import time_limits
from worker.time_limits import TimeLimit

log = logging.getLogger(__name__)


class HangingJoins:
    """Watches the join, and the search for the coordinator, of a consumer's coordinator."""

    def __init__(self, coordinator: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._coordinator = coordinator
        self._clock = clock
        self._since_s: dict[str, tuple[object, float]] = {}

    def end(self) -> None:
        """Forget what has taken longer than all of its requests may take: the next poll begins again. Raises nothing.

        Call it after each poll.
        """
        self._end("_join_task", time_limits.JOIN)
        self._end("_find_coordinator_future", time_limits.FIND_COORDINATOR)

    def _end(self, name: str, limit: TimeLimit) -> None:
        waiting, now_s = getattr(self._coordinator, name), self._clock()
        if waiting is None or waiting.is_done:
            self._since_s.pop(name, None)
            return
        known, since_s = self._since_s.setdefault(name, (waiting, now_s))
        if known is not waiting:
            self._since_s[name] = (waiting, now_s)
        elif now_s - since_s > limit.seconds:
            log.warning("%s has no outcome after %g s: joining the group again", name.strip("_"), limit.seconds)
            setattr(self._coordinator, name, None)
            self._coordinator.coordinator_dead("no outcome")
            del self._since_s[name]
