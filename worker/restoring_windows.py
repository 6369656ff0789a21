"""With which windows a worker continues with a partition. The counts were decided before: windows belong to counts."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from tweets.periods import Cells, Period
from tweets.records import Partition
from worker.counts import RunningCounts
from worker.membership import StoredState
from worker.windows.state import PartitionWindows, WindowLimits, complete_from

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RestoredWindows:
    """The windows that a worker continues with.

    `current` are the counts of the open periods, and of those that closed lately. `deleted` has the name of each record
    of windows that are given up, with None as its value. `uncommitted`: the windows are not the stored ones, and are to
    be committed even if no tweet follows, so that every reader of the checkpoint topic knows what they lack.
    """

    windows: PartitionWindows
    current: Mapping[Period, Cells] = field(default_factory=dict)
    deleted: Mapping[str, bytes | None] = field(default_factory=dict)
    uncommitted: bool = False


def restored_windows(
    partition: Partition, found: StoredState, counts: RunningCounts, limits: WindowLimits, now_s: float
) -> RestoredWindows:
    """Return the windows that belong to these counts, which the worker continues with.

    The windows are those of a commit. They belong to the counts if position and counts are of the same commit: then
    they have every tweet of the output. Otherwise commits have passed them, and they continue incomplete.
    """
    if found.windows is None:
        return _new_windows(partition, found, counts, limits, now_s)
    if _starts_from_zero(found, counts):
        windows = PartitionWindows(limits, complete_from=complete_from(now_s), complete_since=0)
        return RestoredWindows(windows, deleted=found.windows.forgotten(), uncommitted=True)
    windows = found.windows
    if not _belong_to(found):
        log.warning(
            "%s: the checkpoint topic has minutes, hours and days up to another commit than the last one (of a worker "
            "of an earlier release, or of import-state): their counts may lack tweets until now",
            partition,
        )
        windows = windows.incomplete_since(now_s, limits)
    elif windows.limits.late_minutes != limits.late_minutes:
        log.info(
            "%s: WINDOW_LATE_MINUTES was %d and is %d: the minutes until now are of both",
            partition,
            windows.limits.late_minutes,
            limits.late_minutes,
        )
        windows = windows.incomplete_since(now_s, limits)
    if windows.limits.minute_kept_hours != limits.minute_kept_hours:
        log.info(
            "%s: WINDOW_KEEP_HOURS was %d and is %d: minutes that have expired before stay deleted",
            partition,
            windows.limits.minute_kept_hours,
            limits.minute_kept_hours,
        )
        windows = windows.kept_for(limits.minute_kept_hours, now_s)
    return RestoredWindows(windows, windows.current(now_s), uncommitted=windows is not found.windows)


def _new_windows(
    partition: Partition, found: StoredState, counts: RunningCounts, limits: WindowLimits, now_s: float
) -> RestoredWindows:
    """Return windows without a tweet. They are complete only if the partition has never been counted before."""
    is_new = found.output_end == 0 and not counts.totals and not counts.generation_base
    if is_new:
        return RestoredWindows(PartitionWindows(limits, complete_since=0))
    log.warning(
        "%s: tweets were counted before, and the checkpoint topic has no minutes, hours and days: these begin now",
        partition,
    )
    return RestoredWindows(
        PartitionWindows(limits, complete_from=complete_from(now_s), complete_since=0), uncommitted=True
    )


def _starts_from_zero(found: StoredState, counts: RunningCounts) -> bool:
    """Return whether the counts begin again although there were some; counts of zero that continue lose nothing."""
    before = found.counts or (found.checkpoint.counts if found.checkpoint else RunningCounts())
    return bool(before.totals) and not counts.totals


def _belong_to(found: StoredState) -> bool:
    commit = found.windows_commit
    if commit is None:
        return False
    if found.committed is not None and found.counts is not None:
        return (commit.offset, commit.counts) == (found.committed.offset, found.counts)
    # The counts are those of the checkpoint; an operator may have moved the position.
    at = found.checkpoint
    return at is not None and (commit.offset, commit.counts) == (at.offset, at.counts)
