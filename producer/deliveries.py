"""Every send is followed to its acknowledgement, with a bounded number of them open."""

import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

AFTER_FAILURE_S = 3.0
"""How long the rest is waited for once something failed: the client seldom delivers anything after that."""


class Delivery(Protocol):
    """What a Kafka client returns for one send."""

    @property
    def is_done(self) -> bool:
        """Whether the outcome is known."""

    def get(self, timeout: float | None = None) -> Any:
        """Wait for the outcome at most `timeout` seconds; raise the reason if it is, or stays, no success."""


class Deliveries:
    """Counts what was acknowledged and what failed, and keeps the first error.

    At most `window` deliveries are open, so memory is bounded. One not settled `limit_s` seconds after
    it was first waited for has failed.
    """

    def __init__(self, *, window: int, limit_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._window = window
        self._limit_s = limit_s
        self._clock = clock
        self._open: deque[Delivery] = deque()
        self.acknowledged = 0
        self.failed = 0
        self.error: Exception | None = None

    def add(self, delivery: Delivery) -> None:
        """Follow one more; waits for the oldest while more than `window` are open."""
        self._open.append(delivery)
        while self._open and (self._open[0].is_done or len(self._open) > self._window):
            self._settle(self._open.popleft(), self._limit_s)

    def refused(self, error: Exception) -> None:
        """Count a tweet that the client did not even take."""
        self.failed += 1
        self.error = self.error or error

    def settle_all(self) -> None:
        """Wait for the rest, for all of them together at most `limit_s` seconds, and not long after a failure."""
        deadline_s = self._clock() + self._limit_s
        while self._open:
            if self.error is not None:
                deadline_s = min(deadline_s, self._clock() + AFTER_FAILURE_S)
            self._settle(self._open.popleft(), max(0.0, deadline_s - self._clock()))

    def _settle(self, delivery: Delivery, timeout_s: float) -> None:
        try:
            delivery.get(timeout_s)
        except Exception as error:  # whatever the client's reason: it is kept, counted and ends the replay
            self.refused(error)
        else:
            self.acknowledged += 1
