"""The records of a partition's windows as a compacted topic keeps them, and a fold that shares no code with them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tweets.periods import PERIOD_MS, UNITS, Cells, CountedTweet, Period
from worker.counts import CommittedCounts
from worker.membership import StoredState
from worker.windows.after_batch import WindowsAfter, windows_after
from worker.windows.closed_periods import ClosedPeriods
from worker.windows.records import CLOSED, WindowSummary, decode_cells, decode_closed, period_of
from worker.windows.state import PartitionWindows

Folded = dict[Period, Counter[tuple[str, str]]]


def fold(tweets: Iterable[CountedTweet], late_ms: int) -> tuple[Folded, int | None, int]:
    """Return the counts of all periods, the newest event time and how many tweets were late."""
    counts: Folded = {}
    newest: int | None = None
    late = 0
    for event_ms, emotion, subjects in tweets:
        if newest is not None and event_ms < newest - late_ms:
            late += 1
            continue
        newest = event_ms if newest is None else max(newest, event_ms)
        for unit in UNITS:
            cells = counts.setdefault(Period(unit, event_ms // PERIOD_MS[unit]), Counter())
            cells.update((subject, emotion) for subject in ("", *subjects))
    return counts, newest, late


def with_windows(stored: StoredState) -> StoredState:
    """Return the state with windows of the commit that a worker continues with, if there is one."""
    commit = stored.checkpoint
    if stored.committed is not None and stored.counts is not None:
        commit = CommittedCounts(0, stored.committed.offset, stored.counts)
    return stored if commit is None else replace(stored, windows=PartitionWindows(), windows_commit=commit)


class WindowTopic:
    """What the checkpoint topic has of a partition after its commits: the newest record of each name, in its order."""

    def __init__(self, windows: PartitionWindows | None = None) -> None:
        self.windows = windows or PartitionWindows()
        self.records: dict[str, bytes | None] = {}
        self.summary = self.windows.summary()
        self.commits = 0
        self.written_at: dict[str, int] = {}

    def commit(self, tweets: Sequence[CountedTweet], now_s: float) -> WindowsAfter:
        after = windows_after(self.windows, tweets, now_s)
        self.commits += 1
        self.adopt(after.windows, after.records)
        return after

    def adopt(self, windows: PartitionWindows, records: Mapping[str, bytes | None]) -> None:
        for name, value in records.items():
            self.records.pop(name, None)
            self.records[name] = value
            self.written_at[name] = self.commits
        summary = WindowSummary.from_fields(windows.summary().to_fields() | _as_lists(windows))
        assert summary is not None
        self.windows, self.summary = windows, summary

    def restored(self) -> PartitionWindows | None:
        """Return the windows of the records; None if one is missing."""
        closed = decode_closed(self.records.get(CLOSED)) if self.summary.closed else ClosedPeriods()
        cells = {name: decode_cells(value) for name, value in self.records.items() if name != CLOSED}
        whole = {name: each for name, each in cells.items() if each is not None}
        written = [name for name, value in self.records.items() if value is not None]
        if closed is None or not self.summary.names() - {CLOSED} <= whole.keys():
            return None
        return PartitionWindows.restored(self.summary, whole, closed, written=written)

    def kept(self) -> dict[Period, Cells]:
        """Return the counts of the periods that have a record."""
        found = {period_of(name): decode_cells(value) for name, value in self.records.items() if value is not None}
        return {period: cells for period, cells in found.items() if period is not None and cells is not None}


def _as_lists(windows: PartitionWindows) -> dict[str, list[int]]:
    """Return the numbers of the summary as JSON gives them back."""
    return {"open": sorted(windows.minutes)}
