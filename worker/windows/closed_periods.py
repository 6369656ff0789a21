"""The closed periods of a partition that are kept, as ranges: a day of minutes is one range. Pure and immutable."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tweets.periods import UNITS, Period, Unit
from worker.counts import is_count

_Range = tuple[int, int]
"""The first and the last number of periods without a gap."""


@dataclass(frozen=True)
class ClosedPeriods:
    """Ranges of periods by their unit, in ascending order and with a gap between each two."""

    ranges: Mapping[Unit, tuple[_Range, ...]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Period]:
        for unit in self.ranges:
            yield from self.of(unit)

    def of(self, unit: Unit) -> Iterator[Period]:
        """Yield the periods of a unit, the earliest first."""
        for first, last in self.ranges.get(unit, ()):
            for number in range(first, last + 1):
                yield Period(unit, number)

    def __len__(self) -> int:
        return self._size

    @cached_property
    def _size(self) -> int:
        return sum(last - first + 1 for ranges in self.ranges.values() for first, last in ranges)

    def __contains__(self, period: object) -> bool:
        if not isinstance(period, Period):
            return False
        ranges = self.ranges.get(period.unit, ())
        index = bisect_right(ranges, period.number, key=lambda each: each[0])
        return index > 0 and period.number <= ranges[index - 1][1]

    def plus(self, periods: Iterable[Period]) -> "ClosedPeriods":
        """Return the ranges with these periods, none of which they have."""
        added: dict[Unit, list[_Range]] = {}
        for unit, number in periods:
            added.setdefault(unit, []).append((number, number))
        if not added:
            return self
        joined = {unit: _joined(sorted([*self.ranges.get(unit, ()), *each])) for unit, each in added.items()}
        return ClosedPeriods({**self.ranges, **joined})

    def without_first(self, counts: Mapping[Unit, int]) -> "ClosedPeriods":
        """Return the ranges without so many of the earliest periods of each unit."""
        if not any(counts.values()):
            return self
        left = {unit: _without_first(ranges, counts.get(unit, 0)) for unit, ranges in self.ranges.items()}
        return ClosedPeriods({unit: ranges for unit, ranges in left.items() if ranges})

    def to_fields(self) -> dict[str, list[int]]:
        """Return the JSON object that `from_fields` reads: for each unit the gaps and lengths of the ranges in turn."""
        fields: dict[str, list[int]] = {}
        for unit, ranges in self.ranges.items():
            end = 0
            for first, last in ranges:
                fields.setdefault(unit, []).extend((first - end, last - first + 1))
                end = last + 1
        return fields

    @classmethod
    def from_fields(cls, fields: Any) -> "ClosedPeriods | None":
        """Return the periods in a JSON value; None if no worker can have written it."""
        if not isinstance(fields, Mapping) or not set(fields) <= set(UNITS):
            return None
        ranges: dict[Unit, tuple[_Range, ...]] = {}
        for unit in UNITS:
            found = _ranges(fields.get(unit, []))
            if found is None:
                return None
            ranges[unit] = found
        return cls({unit: each for unit, each in ranges.items() if each})


def _ranges(numbers: Any) -> tuple[_Range, ...] | None:
    if not isinstance(numbers, list) or len(numbers) % 2 or not all(map(_is_number, numbers)):
        return None
    found: list[_Range] = []
    end = 0
    for gap, length in zip(numbers[::2], numbers[1::2], strict=True):
        if length < 1:
            return None
        found.append((end + gap, end + gap + length - 1))
        end += gap + length
    return tuple(found)


def _is_number(value: object) -> bool:
    return is_count(abs(value)) if type(value) is int else False  # periods before 1970 have negative numbers


def _joined(ranges: list[_Range]) -> tuple[_Range, ...]:
    """Return the sorted ranges, and those without a gap between them as one."""
    joined: list[_Range] = []
    for first, last in ranges:
        if joined and joined[-1][1] + 1 == first:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return tuple(joined)


def _without_first(ranges: tuple[_Range, ...], count: int) -> tuple[_Range, ...]:
    left = list(ranges)
    while count and left:
        first, last = left.pop(0)
        if last - first + 1 > count:
            left.insert(0, (first + count, last))
            break
        count -= last - first + 1
    return tuple(left)
