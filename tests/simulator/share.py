"""DEAD_LETTER_MAX_SHARE in a schedule: what a process may commit, by what its stream has seen."""

from collections.abc import Sequence
from typing import Final

from tests.simulator.broker import DEAD_LETTERS
from tests.simulator.surroundings import BrokenPromiseError, Clause, Surroundings
from tweets.records import OutputRecord
from worker.dead_letter_share import DeadLetterShare
from worker.errors import FatalError
from worker.labelling import RecordOutcome

WINDOW: Final = 8
"""Records of which the share is taken: a schedule has few records."""

ENOUGH: Final = 3
"""Dead letters that stop a process with fewer than WINDOW records."""


class ShareTruth:
    """What one process has committed and knows of, True for a dead letter, and whether the limit allows a batch."""

    def __init__(self, world: Surroundings) -> None:
        self._world = world
        self._limit = world.max_share
        self._committed: list[bool] = []
        self._sent: list[bool] = []

    @property
    def limit(self) -> float | None:
        return self._limit

    def reached(self, batch: Sequence[bool]) -> bool:
        """Return whether the limit is reached with this batch in any WINDOW records in a row."""
        if self._limit is None or not any(batch):
            return False
        records = self._committed[-WINDOW:] + list(batch)
        most = max(sum(records[first : first + WINDOW]) for first in range(len(records)))
        return most / min(len(records), WINDOW) >= self._limit and (most >= ENOUGH or most / WINDOW >= self._limit)

    def sent(self, outgoing: Sequence[OutputRecord]) -> None:
        self._sent = [record.topic == DEAD_LETTERS for record in outgoing]

    def aborted(self) -> None:
        self._sent = []

    def commits(self) -> None:
        if self.reached(self._sent):
            self.broken("a batch is committed with which the limit is reached")

    def committed(self) -> None:
        self._committed += self._sent
        self._sent = []

    def broken(self, how: str) -> None:
        self._world.errors.append(BrokenPromiseError({Clause.DEAD_LETTER_SHARE: how}))


class WatchedShare(DeadLetterShare):
    """The share of the worker, compared with the truth at each check."""

    def __init__(self, truth: ShareTruth) -> None:
        super().__init__(truth.limit)
        self._truth = truth

    def check(self, batch: Sequence[RecordOutcome]) -> None:
        reached = self._truth.reached([outcome.reason is not None for outcome in batch])
        try:
            super().check(batch)
        except FatalError:
            if not reached:
                self._truth.broken("a process exits below the limit")
            raise
        if reached:
            self._truth.broken("a batch passes with which the limit is reached")
