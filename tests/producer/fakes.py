"""Deliveries without a Kafka."""

from typing import Any

from tests.clock import Clock


class FakeDelivery:
    """A delivery that ends at `after_s` on the clock, acknowledged or with an error; None is never."""

    def __init__(self, clock: Clock, *, after_s: float | None = 0.0, error: Exception | None = None) -> None:
        self._clock = clock
        self._after_s = after_s
        self._error = error

    @property
    def is_done(self) -> bool:
        return self._after_s is not None and self._after_s <= self._clock.now_s

    def get(self, timeout: float | None = None) -> Any:
        assert timeout is not None
        if not self.is_done:
            until_s = self._clock.now_s + timeout
            self._clock.now_s = until_s if self._after_s is None else min(until_s, self._after_s)
        if not self.is_done:
            raise TimeoutError(f"nothing in {timeout} s")
        if self._error:
            raise self._error
