"""The minutes, hours and days in Redis: publishes contributions, marks what is published, and reads periods."""

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tweets.event_time import FUTURE_MAX_MS
from tweets.periods import ALL, UNITS, Cells, Period, Unit
from tweets.records import Partition
from worker.counts import state_name
from worker.redis.contributions import Contribution, Fence
from worker.redis.errors import CountsStoreError
from worker.redis.keys import PUBLISHED, SUBJECTS, contributions_name, partition_of, period_name
from worker.redis.prefixed import READ_TOGETHER, PrefixedClient
from worker.redis.window_scripts import COUNT_SUBJECTS, FORGET_SUBJECT, MARK, MORE, MOST_CONTRIBUTIONS, PERIOD, UNMARK
from worker.settings import Settings
from worker.windows.cells_json import load
from worker.windows.state import WindowLimits

MOST_SUBJECTS: Final = 1000
"""Tweet topics that a store remembers; more would be those of many files, one after the other."""

_TRIES: Final = 10
"""Calls of one period until no subject lacks a key; each further call needs another worker's new tweet topic."""

_COUNT: Final = re.compile(r"[0-9]{1,16}")


@dataclass(frozen=True, slots=True)
class StoredPeriod:
    """A period in Redis, read at one moment: the cells of each field, and the sums that the hashes show."""

    period: Period
    contributions: Mapping[str, Cells]
    sums: Cells


class WindowStore:
    """The periods in Redis, under one key prefix. Methods raise CountsStoreError. Only one thread may use a store."""

    def __init__(
        self,
        client: PrefixedClient,
        *,
        group: str,
        limits: WindowLimits,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`limits` says how long periods are kept; `clock` returns Unix seconds."""
        self._redis = client
        self._group = group
        self._limits = limits
        self._clock = clock
        self._subjects = {ALL}

    @classmethod
    def of(cls, settings: Settings) -> "WindowStore":
        """Return the store of these settings."""
        return cls(PrefixedClient.of(settings), group=settings.kafka_group_id, limits=settings.window_limits())

    def expires_in_s(self, period: Period) -> float:
        """Return for how long the period is kept from now on; not above zero if it has expired."""
        return self._limits.expires_ms(period) / 1000 - self._clock()

    def kept(self, *, for_s: float = 0) -> list[Period]:
        """Return every period that is kept for so long from now on, up to the newest that a tweet may have."""
        now_ms = int(self._clock() * 1000)
        newest = [Period.of(unit, now_ms + FUTURE_MAX_MS) for unit in UNITS]
        return [
            period
            for unit, last in newest
            for period in reversed([Period(unit, number) for number in range(self._first(unit, now_ms), last + 1)])
            if self.expires_in_s(period) > for_s
        ]

    def _first(self, unit: Unit, now_ms: int) -> int:
        kept_ms = self._limits.expires_ms(Period(unit, 0))
        return Period.of(unit, now_ms - kept_ms).number

    def publish(
        self, period: Period, contributions: Mapping[Partition, Contribution], *, forced: bool = False
    ) -> dict[Partition, str]:
        """Publish contributions to a period; return `applied`, `known` or `stale` for each partition.

        The result is empty for a period that has expired. With `forced`, no contribution is stale.
        """
        left_s = int(self.expires_in_s(period))
        outcomes: dict[Partition, str] = {}
        if left_s <= 0:
            return outcomes
        partitions = list(contributions)
        with self._redis.commands():
            for start in range(0, max(1, len(partitions)), MOST_CONTRIBUTIONS):
                part = partitions[start : start + MOST_CONTRIBUTIONS]
                arguments: list[str | int] = []
                for partition in part:
                    (generation, offset), counts = contributions[partition]
                    arguments += [self.field(partition), generation, offset, counts]
                found = self._run_period(period, [left_s, int(forced)], arguments)
                outcomes |= dict(zip(part, found, strict=True))
        return outcomes

    def repair(self, period: Period, counts: Mapping[Partition, str], subjects: Collection[str]) -> None:
        """Set the contributions of these partitions, and the hashes of all known and of these subjects to the sums."""
        self._subjects.update(subjects)
        fence = Fence(0, 0)
        self.publish(period, {p: Contribution(fence, text) for p, text in counts.items()}, forced=True)

    def marker_texts(self, partitions: Collection[Partition]) -> dict[Partition, str]:
        """Return the marker of each partition; an empty text where there is none."""
        if not partitions:
            return {}
        with self._redis.commands():
            found = self._redis.fields(self._redis.key(PUBLISHED.name), [self.field(each) for each in partitions])
        return {partition: text or "" for partition, text in zip(partitions, found, strict=True)}

    def mark(self, markers: Mapping[Partition, tuple[str, Fence]]) -> dict[Partition, str]:
        """Replace the expected marker of each partition; return `applied`, `stale` or `lost` for each."""
        partitions, outcomes = list(markers), dict[Partition, str]()
        with self._redis.commands():
            for start in range(0, len(partitions), MOST_CONTRIBUTIONS):
                part, arguments = partitions[start : start + MOST_CONTRIBUTIONS], list[str | int]()
                for partition in part:
                    expected, fence = markers[partition]
                    arguments += [self.field(partition), expected, *fence]
                outcomes |= dict(zip(part, self._run(MARK, PUBLISHED.name, arguments), strict=True))
        return outcomes

    def unmark(self, partitions: Collection[Partition]) -> None:
        """Make the owners of the partitions publish all kept periods again."""
        if partitions:
            with self._redis.commands():
                self._run(UNMARK, PUBLISHED.name, [self.field(each) for each in partitions])

    def count_subjects(self, since: Mapping[str, int]) -> dict[str, int]:
        """Store since which Unix second each tweet topic is counted, unless Redis has an earlier one; return which."""
        if not since:
            return {}
        arguments: list[str | int] = [each for item in since.items() for each in item]
        with self._redis.commands():
            found = self._run(COUNT_SUBJECTS, SUBJECTS.name, arguments)
        return {
            name: int(text) if _COUNT.fullmatch(text) else since[name] for name, text in zip(since, found, strict=True)
        }

    def forget_subjects(self, keep: Collection[str], *, before_s: int) -> list[str]:
        """Remove the tweet topics without a tweet in a kept day; return these.

        Those of `keep`, and those that are counted since a later Unix second than `before_s`, stay.
        """
        with self._redis.commands():
            key = self._redis.key(SUBJECTS.name)
            names = [
                name
                for name, since in self._redis.hash(key).items()
                if name not in keep and not (_COUNT.fullmatch(since) and int(since) > before_s)
            ]
            days = [period for period in self.kept() if period.unit == "day"]
            return [
                name
                for name in names
                if self._redis.run(FORGET_SUBJECT, [key, *(self.key(name, day) for day in days)], [name]) == "forgotten"
            ]

    def subjects(self) -> list[str]:
        """Return every tweet topic that Redis lists, in order."""
        with self._redis.commands():
            return sorted(self._redis.hashes([self._redis.key(SUBJECTS.name)])[0])

    def read(self, periods: Sequence[Period], subjects: Collection[str]) -> Iterator[StoredPeriod]:
        """Yield each period with the hashes of ALL, of these subjects, and of all subjects of its contributions."""
        wanted = sorted({ALL, *subjects})
        size = max(1, READ_TOGETHER // (1 + len(wanted)))
        for start in range(0, len(periods), size):
            part = periods[start : start + size]
            found = self._read(part, wanted)
            named = {subject for each in found for cells in each.contributions.values() for subject, _ in cells}
            if not named <= set(wanted):
                found = self._read(part, sorted(named.union(wanted)))
            yield from found

    def field(self, partition: Partition) -> str:
        """Return the field of a partition in the hashes."""
        return state_name(self._group, partition)

    def partition(self, field: str, topic: str) -> Partition | None:
        """Return the partition of a field in the hashes; None if the field is of another group or Kafka topic."""
        return partition_of(field, self._group, topic)

    def key(self, subject: str, period: Period) -> str:
        """Return the key with the counts of a subject in a period."""
        return self._redis.key(period_name(subject, period))

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def _run_period(self, period: Period, options: list[int], contributions: list[str | int]) -> list[str]:
        subjects = set(self._subjects)
        for _ in range(_TRIES):
            names = sorted(subjects)
            keys = [self._redis.key(contributions_name(period)), *(self.key(name, period) for name in names)]
            reply: list[str] = self._redis.run(PERIOD, keys, [*options, len(names), *names, *contributions])
            if not reply or reply[0] != MORE:
                self._subjects = subjects if len(subjects) <= MOST_SUBJECTS else {ALL}
                return reply
            subjects.update(reply[1:])
        raise CountsStoreError(f"the tweet topics in {keys[0]} change faster than they can be read")

    def _run(self, script: str, name: str, arguments: Sequence[str | int]) -> list[str]:
        found: list[str] = self._redis.run(script, [self._redis.key(name)], arguments)
        return found

    def _read(self, periods: Sequence[Period], subjects: Sequence[str]) -> list[StoredPeriod]:
        keys = [
            self._redis.key(name)
            for period in periods
            for name in (contributions_name(period), *(period_name(subject, period) for subject in subjects))
        ]
        with self._redis.commands():
            hashes = iter(self._redis.hashes(keys))
        return [
            StoredPeriod(
                period,
                {field: load(value.partition(" ")[2]) for field, value in next(hashes).items()},
                {
                    (subject, name): count
                    for subject in subjects
                    for name, text in next(hashes).items()
                    if (count := _shown(text))
                },
            )
            for period in periods
        ]


def _shown(text: str) -> int:
    """Return the count in a field; -1, which no sum is, for a value that no script writes."""
    return int(text) if _COUNT.fullmatch(text) else -1
