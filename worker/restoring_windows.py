"""With which windows a worker continues with a partition. The counts were decided before: windows belong to counts."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tweets.periods import Cells, Period
from tweets.records import Partition
from worker.counts import RunningCounts
from worker.membership import StoredState
from worker.windows import PartitionWindows, WindowLimits, complete_from

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RestoredWindows:
    """The windows that a worker continues with.

    `current` are the counts of the open periods, and of those that closed lately. `deleted` has the name of each record
    of windows that are given up, with None as its value.
    """

    windows: PartitionWindows
    current: Mapping[Period, Cells] = field(default_factory=dict)
    deleted: Mapping[str, bytes | None] = field(default_factory=dict)


def restored_windows(
    partition: Partition, found: StoredState, counts: RunningCounts, limits: WindowLimits, now_s: float
) -> RestoredWindows:
    """Return the windows that belong to these counts, which the worker continues with.

    The stored windows are those of the checkpoint. They belong to the counts if the counts are those of the checkpoint:
    then they have every tweet of the output. Otherwise commits have passed them, and they continue incomplete.
    """
    if found.windows is None:
        is_new = found.output_end == 0 and not counts.totals
        return RestoredWindows(PartitionWindows(limits, complete_from=0 if is_new else complete_from(now_s)))
    if _starts_from_zero(found, counts):
        windows = PartitionWindows(limits, complete_from=complete_from(now_s))
        return RestoredWindows(windows, deleted=found.windows.forgotten())
    windows = replace(found.windows, limits=limits)
    if not _belong_to(found):
        log.warning(
            "%s: the checkpoint topic has minutes, hours and days up to another commit than the last one (of a worker "
            "of an earlier release?): their counts may lack tweets until now",
            partition,
        )
        windows = found.windows.incomplete_since(now_s, limits)
    elif found.windows.limits.late_minutes != limits.late_minutes:
        log.info(
            "%s: WINDOW_LATE_MINUTES was %d and is %d: the minutes until now are of both",
            partition,
            found.windows.limits.late_minutes,
            limits.late_minutes,
        )
        windows = found.windows.incomplete_since(now_s, limits)
    return RestoredWindows(windows, windows.current(now_s))


def _starts_from_zero(found: StoredState, counts: RunningCounts) -> bool:
    """Return whether the counts begin again although there were some; counts of zero that go on lose nothing."""
    before = found.counts or (found.checkpoint.counts if found.checkpoint else RunningCounts())
    return bool(before.totals) and not counts.totals


def _belong_to(found: StoredState) -> bool:
    if found.checkpoint is None:
        return False
    if found.committed is None or found.counts is None:
        return True  # position, counts and windows are of the checkpoint; an operator may have moved the position
    return (found.checkpoint.offset, found.checkpoint.counts) == (found.committed.offset, found.counts)
