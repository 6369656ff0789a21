"""The counts in Redis: publishes each commit once, repairs and reads the counts."""

import json
import logging
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from tweets.records import Partition
from worker import time_limits
from worker.counts import CommittedCounts, RunningCounts, state_name
from worker.redis.contributions import Fence
from worker.redis.errors import CountsStoreError
from worker.redis.keys import COUNTS, FENCES, MINUTE_COUNTS, PARTITIONS, PUBLISHED, UNFINISHED, partition_of
from worker.redis.prefixed import PrefixedClient
from worker.redis.publication import Publication
from worker.redis.scripts import MOST_PARTITIONS, PUBLISH, REPAIR
from worker.settings import Settings

__all__ = ["CountsStore", "CountsStoreError"]

log = logging.getLogger(__name__)

LARGEST_COUNT: Final = 2**53
"""The scripts compute with Lua's numbers, which are exact up to here."""

_INTEGER: Final = re.compile(r"-?[0-9]{1,16}")
_FIELD: Final = re.compile(r"(?P<group>.+)\|[A-Za-z0-9._-]+\|(0|[1-9][0-9]{0,9})", re.DOTALL)
"""A field of the hashes; the name of a topic has no other characters than these."""


class CountsStore:
    """The counts in Redis, under one key prefix. Methods raise CountsStoreError.

    Every error closes the connections, so that the next call resolves the address in REDIS_URL again. Only one thread
    may use a store.
    """

    def __init__(self, url: str, *, prefix: str, group: str, tls: Mapping[str, str] | None = None) -> None:
        """Prepare a connection, which opens at the first use. Raises ValueError for a URL that is not valid.

        `tls` has the arguments of redis-py for an authority and a client certificate (`Settings.redis_tls`).
        """
        self._redis = PrefixedClient(url, prefix=prefix, tls=tls)
        self.prefix = prefix
        self._group = group
        self._checked_s: float | None = None

    @classmethod
    def of(cls, settings: Settings) -> "CountsStore":
        """Return the store of these settings."""
        return cls(
            settings.redis_url.get_secret_value(),
            prefix=settings.redis_key_prefix,
            group=settings.kafka_group_id,
            tls=settings.redis_tls(),
        )

    def publish(self, committed_counts: Mapping[Partition, CommittedCounts]) -> dict[Partition, str]:
        """Publish committed counts; return `applied`, `known` or `stale` for each partition.

        After every error and at least every time_limits.REPUBLISH, the totals are also compared with the sums over the
        stored partitions, and set to the sums where they differ.
        """
        minute = f"{MINUTE_COUNTS.name}{int(time.time()) // 60}"
        keys = self._keys(COUNTS.name, PARTITIONS.name, FENCES.name, minute, UNFINISHED.name)
        now_s = time.monotonic()
        check = self._checked_s is None or now_s - self._checked_s >= time_limits.REPUBLISH.seconds / 2
        outcomes: dict[Partition, str] = {}
        with self._commands():
            for part in _parts(list(committed_counts.items()), MOST_PARTITIONS):
                arguments: list[str | int] = [round(time_limits.MINUTE_KEPT.seconds), int(check)]
                for partition, committed in part:
                    arguments += [self.field(partition), committed.generation, committed.offset]
                    arguments += [_dump(committed.counts)]
                *found, corrected = self._publish(keys=keys, args=arguments)
                outcomes |= {partition: str(outcome) for (partition, _), outcome in zip(part, found, strict=True)}
                self._report_correction(int(corrected))
        if check and committed_counts:
            self._checked_s = now_s
        return outcomes

    def repair(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None:
        """Store these counts, and set the totals to the sums over all stored partitions."""
        arguments: list[str | int] = []
        for partition, committed in committed_counts.items():
            arguments += [self.field(partition), committed.offset, _dump(committed.counts)]
        with self._commands():
            self._redis.run(REPAIR, self._keys(COUNTS.name, PARTITIONS.name, FENCES.name), arguments)

    def snapshot(self) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
        """Return emotion → total, and `group|topic|partition` → its counts, of all groups under the key prefix.

        Redis reads both at one moment. A value that is not valid counts as zero, which a comparison then reports. In
        the name of a foreign field, a byte that is not UTF-8 is shown as \\x and two digits.
        """
        keys = self._keys(COUNTS.name, PARTITIONS.name)
        with self._commands():
            totals, partitions = self._redis.hashes(keys)
        return (
            {name: int(count) for name, count in totals.items() if _INTEGER.fullmatch(count)},
            {field: _counts(counts) for field, counts in partitions.items()},
        )

    def publication(self) -> Publication:
        """Return as of which commits Redis has the partitions of all groups under the key prefix, read at one moment.

        Counts that are not valid are empty, other values that are not valid are left out.
        """
        keys = self._keys(PARTITIONS.name, FENCES.name, PUBLISHED.name, UNFINISHED.name)
        with self._commands():
            partitions, fences, markers, unfinished = self._redis.hashes(keys)
        return Publication(
            {field: _counts(counts) for field, counts in partitions.items()},
            _fences(fences),
            _fences(markers),
            bool(unfinished),
        )

    def counted(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Return how many tweets Redis counts in each of these partitions of the group."""
        asked = list(partitions)
        with self._commands():
            found = self._redis.fields(self._redis.key(PARTITIONS.name), [self.field(each) for each in asked])
        return {partition: sum(_counts(text or "").values()) for partition, text in zip(asked, found, strict=True)}

    def field(self, partition: Partition) -> str:
        """Return the field of a partition in the hashes."""
        return state_name(self._group, partition)

    def partition(self, field: str, topic: str) -> Partition | None:
        """Return the partition of a field in the hashes; None if the field is of another group or topic."""
        return partition_of(field, self._group, topic)

    def other_groups(self, counts: Mapping[str, Mapping[str, int]]) -> list[str]:
        """Return the other consumer groups that have labelled tweets among the counts of a snapshot, in order."""
        fields = (_FIELD.fullmatch(field) for field, each in counts.items() if any(each.values()))
        return sorted({found["group"] for found in fields if found} - {self._group})

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def _publish(self, *, keys: Sequence[str], args: Sequence[str | int]) -> Any:
        return self._redis.run(PUBLISH, keys, args)

    def _report_correction(self, corrected: int) -> None:
        if corrected:
            log.warning(
                "Redis: the totals in %s differed from the sums over %s and are set to the sums (%d fields)",
                *self._keys(COUNTS.name, PARTITIONS.name),
                corrected,
            )

    def _keys(self, *names: str) -> list[str]:
        return [self._redis.key(name) for name in names]

    @contextmanager
    def _commands(self) -> Iterator[None]:
        try:
            with self._redis.commands():
                yield
        except CountsStoreError:
            self._checked_s = None
            raise


def _parts(items: list[tuple[Partition, CommittedCounts]], size: int) -> list[list[tuple[Partition, CommittedCounts]]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _counts(text: str) -> dict[str, int]:
    """Return the counts in a partition's JSON; no counts if the JSON is not emotion → whole number from 0."""
    try:
        counts = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(counts, dict) or not all(_is_count(count) for count in counts.values()):
        return {}
    return {name: int(count) for name, count in counts.items()}


def _fences(stored: Mapping[str, str]) -> dict[str, Fence]:
    found = {field: Fence.parse(text) for field, text in stored.items()}
    return {field: fence for field, fence in found.items() if fence is not None}


def _is_count(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value <= LARGEST_COUNT and value == int(value)  # type: ignore[operator,call-overload]


def _dump(counts: RunningCounts) -> str:
    return json.dumps(dict(counts.totals), ensure_ascii=True, separators=(",", ":"))
