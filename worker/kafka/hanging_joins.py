"""Ends a request to the group's coordinator that never gets an outcome.

kafka-python 3.0.12 gives each request a time limit, and waits for the outcome at each poll. In fault injection, a
worker had no partitions for more than three minutes, without an error; whether a join hung is not certain.
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
        self._since_s: dict[str, tuple[Any, float]] = {}
        """What the coordinator waited for at the last call, and since when."""

    def end(self) -> None:
        """Forget what has taken longer than all of its requests may take: the next poll begins again. Raises nothing.

        Call it after each poll.
        """
        self._end("_join_task", "the join", time_limits.JOIN)
        self._end("_find_coordinator_future", "the search for the coordinator", time_limits.FIND_COORDINATOR)

    def _end(self, name: str, what: str, limit: TimeLimit) -> None:
        waiting: Any = getattr(self._coordinator, name)
        now_s = self._clock()
        known, since_s = self._since_s.get(name, (None, now_s))
        if waiting is not known:
            self._since_s[name] = (waiting, now_s)
        elif waiting is not None and not waiting.is_done and now_s - since_s > limit.seconds:
            log.warning("%s has no outcome after %g s: joining the group again", what, limit.seconds)
            setattr(self._coordinator, name, None)
            self._coordinator.coordinator_dead("no outcome")
