"""The windows of a partition after a batch, and the records that the batch's transaction writes for them. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, takewhile
from typing import Final

from tweets.periods import PERIOD_MS, UNITS, Cells, CountedTweet, Period, WindowTally
from worker.windows.records import CLOSED, encode_cells, encode_closed, name
from worker.windows.state import LONGER_UNITS, PartitionWindows, add_cells

DELETED_AT_ONCE: Final = 100
"""Records of expired periods that one commit deletes at most."""

REFRESH_COMMITS: Final = 64
"""Commits within which each record that a restore needs is written again, changed or not."""


@dataclass(frozen=True, slots=True)
class WindowsAfter:
    """The windows after a batch.

    `records` are names and values of records, None deletes a record. `changed` are the absolute counts of the minutes,
    hours and days that have changed and are still kept. `late` tweets count in no period.
    """

    windows: PartitionWindows
    records: Mapping[str, bytes | None] = field(default_factory=dict)
    changed: Mapping[Period, Cells] = field(default_factory=dict)
    late: int = 0


def windows_after(before: PartitionWindows, tweets: Sequence[CountedTweet], now_s: float) -> WindowsAfter:
    """Return the windows after these labelled tweets of the partition, in their order; the arguments do not change."""
    step = _Step(before, int(now_s * 1000))
    late = step.count(tweets)
    step.close()
    step.delete_expired()
    return step.result(late)


class _Step:
    """The windows under construction; cells of `before` are copied before they are changed."""

    def __init__(self, before: PartitionWindows, now_ms: int) -> None:
        self._before = before
        self._now_ms = now_ms
        self._tally = WindowTally(before.limits.late_ms, before.newest_ms, dict(before.minutes))
        self._parts = dict(before.parts)
        self._totals = dict(before.totals)
        self._closed = before.closed
        self._copied: set[int] = set()
        self._records: dict[str, bytes | None] = {}
        self._changed: dict[Period, Cells] = {}
        self._written: dict[Period, Cells] = {}

    def count(self, tweets: Sequence[CountedTweet]) -> int:
        """Count the tweets in their minutes, hours and days; return how many were late."""
        counted, late = self._after_reopening(tweets)
        minutes = self._tally.minutes
        for number in {tweet.event_ms // PERIOD_MS["minute"] for tweet in counted} & minutes.keys():
            minutes[number] = dict(minutes[number])
        numbers, late_in_fold = self._tally.add(counted)
        for number in numbers:
            minute, cells = Period("minute", number), minutes[number]
            self._changed[minute] = self._written[minute] = cells
            added = _difference(cells, self._before.minutes.get(number, {}))
            for unit in LONGER_UNITS:
                period = minute.within(unit)
                total = self._own(self._totals, period)
                add_cells(total, added)
                self._changed[period] = total
        return late + late_in_fold

    def close(self) -> None:
        """Close what no later tweet can count in, and write the records of what has changed."""
        minutes = self._tally.minutes
        closing = [Period("minute", n) for n in sorted(minutes) if self._tally.is_closed(Period("minute", n))]
        grown: set[Period] = set()
        for minute in closing:
            # Also if it has not changed: what a commit closes is in the records of this commit.
            cells = self._written[minute] = minutes.pop(minute.number)
            for period in map(minute.within, LONGER_UNITS):
                add_cells(self._own(self._parts, period), cells)
                grown.add(period)
        ended = [period for period in self._totals if self._tally.is_closed(period)]
        self._written |= {period: self._parts[period] for period in sorted(grown.union(ended))}
        self._records |= {name(period): encode_cells(cells) for period, cells in self._written.items()}
        for period in ended:
            del self._totals[period]
            del self._parts[period]
            closing.append(period)
        self._closed = self._closed.plus(period for period in closing if not self._is_expired(period))
        for period in filter(self._is_expired, closing):
            self._forget(period)

    def delete_expired(self) -> None:
        """Delete the records of the earliest periods that were closed before this batch and have expired since."""
        expired: list[Period] = []
        for unit in UNITS:
            of_unit = takewhile(self._is_expired, self._before.closed.of(unit))
            expired += islice(of_unit, DELETED_AT_ONCE - len(expired))
        self._records |= dict.fromkeys(map(name, expired))
        self._closed = self._closed.without_first(Counter(period.unit for period in expired))

    def result(self, late: int) -> WindowsAfter:
        """Return the windows and their records, among them some that have not changed since long ago."""
        before = self._before
        windows = replace(
            before,
            newest_ms=self._tally.newest_ms,
            minutes=self._tally.minutes,
            parts=self._parts,
            totals=self._totals,
            closed=self._closed,
            closed_lately={},
            complete_since=None,
            reopened_ms=self._still_reopened(),
        )
        if self._closed != before.closed:
            self._records[CLOSED] = encode_closed(self._closed) if self._closed else None
        needed = windows.summary().names()
        waiting = [each for each in before.written if each in needed and each not in self._records]
        refreshed = waiting[: -(-len(needed) // REFRESH_COMMITS)]
        self._records |= {each: self._value(each) for each in refreshed}
        written = (*waiting[len(refreshed) :], *(each for each in self._records if each in needed))
        changed = {period: cells for period, cells in self._changed.items() if not self._is_expired(period)}
        return WindowsAfter(replace(windows, written=written), self._records, changed, late)

    def _after_reopening(self, tweets: Sequence[CountedTweet]) -> tuple[Sequence[CountedTweet], int]:
        """Return the tweets without those of minutes that have closed although the fold would count them."""
        reopened_ms = self._before.reopened_ms
        if reopened_ms is None:
            return tweets, 0
        counted = [tweet for tweet in tweets if tweet.event_ms >= reopened_ms]
        return counted, len(tweets) - len(counted)

    def _still_reopened(self) -> int | None:
        reopened_ms, newest_ms = self._before.reopened_ms, self._tally.newest_ms
        passed = reopened_ms is None or (newest_ms is not None and newest_ms - self._tally.late_ms >= reopened_ms)
        return None if passed else reopened_ms

    def _own(self, cells: dict[Period, Cells], period: Period) -> Cells:
        """Return the cells of a period that this batch may change: a copy, made once."""
        present = cells.get(period)
        if present is None or id(present) not in self._copied:
            present = cells[period] = dict(present or {})
            self._copied.add(id(present))
        return present

    def _forget(self, period: Period) -> None:
        """Leave out the record of a period that has expired before it closed; delete what an earlier batch wrote."""
        if name(period) in self._before.written:
            self._records[name(period)] = None
        else:
            self._records.pop(name(period), None)

    def _is_expired(self, period: Period) -> bool:
        return self._before.limits.expires_ms(period) <= self._now_ms

    def _value(self, record: str) -> bytes:
        """Return the value of a record that has not changed."""
        if record == CLOSED:
            return encode_closed(self._closed)
        unit, _, number = record.partition("|")
        if unit == "minute":
            return encode_cells(self._tally.minutes[int(number)])
        return encode_cells(next(cells for period, cells in self._parts.items() if name(period) == record))


def _difference(cells: Cells, before: Cells) -> Cells:
    """Return what was added to the cells since."""
    return {cell: count - before.get(cell, 0) for cell, count in cells.items() if count != before.get(cell, 0)}
