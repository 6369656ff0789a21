"""Deliveries: every send is tracked until Kafka acknowledges the tweet, with a bounded number of open sends."""

import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

AFTER_FAILURE_S = 3.0
"""How long open deliveries are waited for after a failure; the client seldom delivers anything after a failure."""


class Delivery(Protocol):
    """The future that a Kafka client returns for one send."""

    @property
    def is_done(self) -> bool:
        """Whether the outcome is known."""

    def get(self, timeout: float | None = None) -> Any:
        """Wait at most `timeout` seconds for the outcome; raises the reason of a failure or time-out."""


class Deliveries:
    """Counts acknowledged and failed deliveries, and keeps the first error.

    At most `window` deliveries are open, so memory is bounded. A delivery has failed if it is still open after
    `limit_s` seconds of waiting for this delivery.
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
        """Track one more delivery; wait for the oldest while more than `window` are open."""
        self._open.append(delivery)
        while self._open and (self._open[0].is_done or len(self._open) > self._window):
            self._settle(self._open.popleft(), self._limit_s)

    def refused(self, error: Exception) -> None:
        """Count a tweet that the client refused to send."""
        self.failed += 1
        self.error = self.error or error

    def settle_all(self) -> None:
        """Wait for all open deliveries, together at most `limit_s` seconds, after a failure AFTER_FAILURE_S seconds."""
        deadline_s = self._clock() + self._limit_s
        while self._open:
            if self.error is not None:
                deadline_s = min(deadline_s, self._clock() + AFTER_FAILURE_S)
            self._settle(self._open.popleft(), max(0.0, deadline_s - self._clock()))

    def _settle(self, delivery: Delivery, timeout_s: float) -> None:
        try:
            delivery.get(timeout_s)
        except Exception as error:  # of any type: the error is kept, counted, and ends the replay
            self.refused(error)
        else:
            self.acknowledged += 1
