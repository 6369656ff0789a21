"""Loops with one rule about the second copy of position and counts switched off, and their controls."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from tests.simulator.loop_mutants import WrappedStream, WrapsItsStream
from tests.simulator.process import WINDOW_LIMITS
from tests.simulator.stream import SimulatedStream
from tweets.records import OutputRecord, Partition
from worker.loop import Loop
from worker.membership import Membership, StoredState
from worker.partition_state import PartitionState
from worker.restoring import Restorer


class ChangesWhatIsStored(WrappedStream):
    """What Kafka holds, without the second copy."""

    def restore(self, membership: Membership) -> Mapping[Partition, StoredState]:
        return {p: replace(found, checkpoint=None) for p, found in self._inner.restore(membership).items()}


class WrapsItsRestore(Loop):
    """Control: a restore on a wrapped stream."""

    wrapped: type[WrappedStream] = WrappedStream

    def _restore(self, membership: Membership) -> None:
        stream = cast(SimulatedStream, self._stream)
        self._stream = self.wrapped(stream, self._publisher)
        try:
            super()._restore(membership)
        finally:
            self._stream = stream


class NeverReadsTheSecondCopy(WrapsItsRestore):
    """Step 1: where the committed offset or its metadata is missing, the checkpoint topic is not read."""

    wrapped = ChangesWhatIsStored


class StartsFromZeroWithoutACommittedOffset(NeverReadsTheSecondCopy):
    """Step 1: nor is a partition refused that has been counted before."""

    def _restore(self, membership: Membership) -> None:
        self._restorer = Restorer(accept_empty_state=True, window_limits=WINDOW_LIMITS)
        super()._restore(membership)


class PublishesNoSecondCopy(WrappedStream):
    def publish(self, outgoing: Sequence[OutputRecord], states: Mapping[Partition, PartitionState]) -> None:
        self._inner.publish(outgoing, {})


class LeavesTheSecondCopyBehind(WrapsItsStream):
    """Step 5: only some commits write the second copy."""

    wrapped = PublishesNoSecondCopy


class ForgetsTheGenerationBase(Loop):
    """Step 1: after a loss of the offsets the generations begin again, and Redis takes the counts for stale ones."""

    def _restore(self, membership: Membership) -> None:
        self._restorer = Restorer(window_limits=WINDOW_LIMITS, now_s=lambda: 0.0)
        self._restorer._generation_base = _no_generation_base  # type: ignore[method-assign]
        super()._restore(membership)


class DoesNotCommitWhatItRestored(Loop):
    """Step 1: a state from the second copy is published to Redis without a commit."""

    def _commit_without_records(self, states: Mapping[Partition, PartitionState], membership: Membership) -> None:
        """Leave the committed offsets as they are."""


def _no_generation_base(generation: int) -> int:
    return 0
