"""What all processes of a schedule share: the broker, the clock, chance, and a record of what happened."""

import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

from tests.simulator.broker import Broker
from worker.errors import TransientError


class BrokenPromiseError(AssertionError):
    """The promise was broken in this schedule."""


@dataclass
class Surroundings:
    """`chaos`: whether faults are injected; `in_flight`: commits that were sent and have not arrived."""

    rng: random.Random
    broker: Broker
    chaos: bool = True
    now_s: float = 0.0
    happened: Counter[str] = field(default_factory=Counter)
    errors: list[BaseException] = field(default_factory=list)
    in_flight: list[tuple[str, int]] = field(default_factory=list)

    def deliver(self, late: tuple[str, int]) -> None:
        """A commit whose sender has given up arrives: it counts if its transaction is still open."""
        self.in_flight.remove(late)
        with suppress(TransientError):
            self.broker.commit(*late)
            self.happened["late commit arrived"] += 1
