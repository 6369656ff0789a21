"""What all processes of a schedule share: the broker, the clock, chance, and a record of what happened."""

import random
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

from tests.simulator.broker import Broker
from tests.simulator.inputs import START_S
from tweets.periods import Cells, Period
from tweets.records import Partition
from worker.errors import TransientError


class Clause(StrEnum):
    """A part of the promise, by what a schedule shows when it is broken."""

    LOST = "an input record without an output record"
    DOUBLED = "an input record with two output records"
    FOREIGN = "an output record without an input record, or in another partition than its input"
    ORDER = "output records in another order than their inputs"
    OFFSET_METADATA = "counts in the offset metadata that differ from the output"
    REDIS_COUNTS = "counts in Redis that differ from the offset metadata"
    UNCOMMITTED_COUNTS = "counts published to Redis that were never committed"
    WINDOWS = "minutes, hours or days on the checkpoint topic that differ from the output"
    PUBLISHED_WINDOWS = "minutes, hours or days published to Redis that differ from the output"
    UNCOMMITTED_WINDOWS = "minutes, hours or days published to Redis that were never committed"
    SKIPPED = "skipped records in the offset metadata that differ from the deleted records that no worker read"
    DEAD_LETTER_SHARE = "DEAD_LETTER_MAX_SHARE that is passed, or that stops a worker below it"
    PROGRESS = "input that is never committed although all faults are over"
    ERROR = "an unexpected error in a worker"


class BrokenPromiseError(AssertionError):
    """The promise was broken in this schedule; `broken` maps each broken clause to what shows it."""

    def __init__(self, broken: Mapping[Clause, str]) -> None:
        self.clauses = frozenset(broken)
        super().__init__("; ".join(f"{clause.name}, {clause}: {shown}" for clause, shown in broken.items()))


@dataclass
class Surroundings:
    """`chaos`: whether faults are injected; `in_flight`: commits that were sent and have not arrived.

    `max_share` is DEAD_LETTER_MAX_SHARE of the processes that start.
    """

    rng: random.Random
    broker: Broker
    chaos: bool = True
    max_share: float | None = None
    now_s: float = 0.0
    happened: Counter[str] = field(default_factory=Counter)
    errors: list[BaseException] = field(default_factory=list)
    in_flight: list[tuple[str, int]] = field(default_factory=list)
    published: dict[tuple[Partition, Period], tuple[int, int, Cells]] = field(default_factory=dict)
    """Generation, offset and counts of each period, as Redis has them of each partition."""

    @property
    def unix_s(self) -> float:
        """The time of day: hours pass, and minutes expire, while a worker waits for seconds."""
        return START_S + 3600 * self.now_s

    def deliver(self, late: tuple[str, int]) -> None:
        """Let a commit arrive whose sender has given up: it counts if its transaction is still open."""
        self.in_flight.remove(late)
        with suppress(TransientError):
            self.broker.commit(*late)
            self.happened["late commit arrived"] += 1
