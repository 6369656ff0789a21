"""Loops with one rule about DEAD_LETTER_MAX_SHARE switched off, and their control."""

from collections.abc import Sequence
from typing import Any

from worker.dead_letter_share import DeadLetterShare
from worker.labelling import RecordOutcome
from worker.loop import Loop


class WrappedShare(DeadLetterShare):
    """The loop's share, with every call passed on."""

    def __init__(self, inner: DeadLetterShare) -> None:
        super().__init__()
        self._inner = inner

    def check(self, batch: Sequence[RecordOutcome]) -> None:
        self._inner.check(batch)

    def committed(self, batch: Sequence[RecordOutcome]) -> None:
        self._inner.committed(batch)


class WrapsItsShare(Loop):
    """Control: the share of dead letters is wrapped."""

    wrapped: type[WrappedShare] = WrappedShare

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._dead_letter_share = self.wrapped(self._dead_letter_share)


class ChecksLate(WrappedShare):
    def check(self, batch: Sequence[RecordOutcome]) -> None:
        """Look at the batch when it is committed."""

    def committed(self, batch: Sequence[RecordOutcome]) -> None:
        self._inner.check(batch)
        self._inner.committed(batch)


class ChecksTheShareAfterTheCommit(WrapsItsShare):
    """Step 4: the batch that reaches the limit is committed before the worker exits."""

    wrapped = ChecksLate


class RemembersEarly(WrappedShare):
    def check(self, batch: Sequence[RecordOutcome]) -> None:
        self._inner.check(batch)
        self._inner.committed(batch)

    def committed(self, batch: Sequence[RecordOutcome]) -> None:
        """Remember nothing more."""


class CountsTheShareBeforeTheCommit(WrapsItsShare):
    """Step 8: a batch whose commit fails counts, and counts again when it is committed."""

    wrapped = RemembersEarly
