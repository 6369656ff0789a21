"""What a commit gives an input partition: the offset, the running counts and the windows."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tweets.periods import Cells, Period
from tweets.records import Partition
from worker.counts import CommittedCounts
from worker.membership import CommittedOffset
from worker.windows.state import PartitionWindows, WindowUpdate


@dataclass(frozen=True, slots=True)
class PartitionState:
    """The state of a partition as of a commit, and how the windows differ from those of the commit before.

    `records` are the names and values of the window records that the transaction writes beside the state, None deletes
    a record. `changed` are the absolute counts of the periods that changed. `late` tweets count in no period.
    """

    counts: CommittedCounts
    windows: PartitionWindows = field(default_factory=PartitionWindows)
    records: Mapping[str, bytes | None] = field(default_factory=dict)
    changed: Mapping[Period, Cells] = field(default_factory=dict)
    late: int = 0


def counts_of(states: Mapping[Partition, PartitionState]) -> dict[Partition, CommittedCounts]:
    """Return the offsets and running counts of the states."""
    return {partition: state.counts for partition, state in states.items()}


def windows_of(states: Mapping[Partition, PartitionState]) -> dict[Partition, PartitionWindows]:
    """Return the windows of the states."""
    return {partition: state.windows for partition, state in states.items()}


def offsets_of(states: Mapping[Partition, PartitionState]) -> dict[Partition, CommittedOffset]:
    """Return the offsets to commit, with the counts as their metadata."""
    counts = counts_of(states).items()
    return {partition: CommittedOffset(at.offset, at.counts.to_metadata()) for partition, at in counts}


def assigned_of(states: Mapping[Partition, PartitionState]) -> dict[Partition, WindowUpdate]:
    """Return the periods of restored states."""
    updates = updates_of(states)
    return {p: replace(each, complete_since=states[p].windows.complete_since) for p, each in updates.items()}


def updates_of(states: Mapping[Partition, PartitionState]) -> dict[Partition, WindowUpdate]:
    """Return the changed periods of the states."""
    return {
        partition: WindowUpdate(state.counts.generation, state.counts.offset, state.changed)
        for partition, state in states.items()
    }
