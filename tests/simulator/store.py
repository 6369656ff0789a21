"""Redis in memory, with the rules of the publishing script: fences, absolute values, and repair of what failed."""

import copy
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self

from tweets.records import Partition
from worker.counts import CommittedCounts

Write = Callable[[], None]

WRITES: Final = 5
"""The most writes of one script: before each of them, and after the last, the script may fail."""


class ScriptError(Exception):
    """The script failed; Redis keeps what the script has written until then."""


class Publication(NamedTuple):
    """What a script is to write: the counts and the fence of a partition, and the new totals."""

    partition: Partition
    counts: dict[str, int]
    fence: tuple[int, int]
    totals: Counter[str]


@dataclass
class FakeRedis:
    """Totals, counts and fence of each partition. `unfinished`: a script has failed between two of its writes."""

    totals: Counter[str] = field(default_factory=Counter)
    partitions: dict[Partition, dict[str, int]] = field(default_factory=dict)
    fences: dict[Partition, tuple[int, int]] = field(default_factory=dict)
    unfinished: bool = False

    def publish(
        self, partition: Partition, committed: CommittedCounts, *, check: bool = False, writes: int | None = None
    ) -> str:
        """Publish as one script; raise ScriptError after so many writes. `check`: also compare totals and sums."""
        counts, fence = dict(committed.counts.totals), (committed.generation, committed.offset)
        outcome = self._outcome(partition, counts, fence)
        failed_before = self._failed_before()
        in_doubt = check or failed_before or (outcome == "applied" and self._lost(partition))
        growth = Counter(counts) if outcome == "applied" else Counter[str]()
        growth.subtract(self.partitions.get(partition, {}) if outcome == "applied" else {})
        totals = self._sums() if in_doubt else self.totals.copy()
        totals.update(growth)
        if outcome == "applied" or in_doubt:
            script = self._writes(Publication(partition, counts, fence, totals), growth, outcome)
            for write in script[:writes]:
                write()
            if writes is not None and writes <= len(script):
                raise ScriptError
        return outcome

    def _outcome(self, partition: Partition, counts: Mapping[str, int], fence: tuple[int, int]) -> str:
        present = self.fences.get(partition)
        if present is not None and fence < present:
            return "stale"
        return "known" if fence == present and self.partitions.get(partition) == counts else "applied"

    def _failed_before(self) -> bool:
        return self.unfinished

    def _lost(self, partition: Partition) -> bool:
        return partition not in self.fences or partition not in self.partitions

    def _writes(self, news: Publication, growth: Counter[str], outcome: str) -> list[Write]:
        """Return the writes of the script in their order; each is absolute, so that a repeat does not count twice."""
        own = outcome == "applied"
        return [
            lambda: self._set(unfinished=True),
            *([lambda: self.partitions.update({news.partition: news.counts})] if own else []),
            lambda: self._set(totals=news.totals),
            *([lambda: self.fences.update({news.partition: news.fence})] if own else []),
            lambda: self._set(unfinished=False),
        ]

    def _sums(self) -> Counter[str]:
        sums: Counter[str] = Counter()
        for counts in self.partitions.values():
            sums.update(counts)
        return sums

    def _set(self, **values: object) -> None:
        for name, value in values.items():
            setattr(self, name, value)

    # Accidents

    def snapshot(self) -> Self:
        return copy.deepcopy(self)

    def restore(self, snapshot: "FakeRedis") -> None:
        self._set(**vars(copy.deepcopy(snapshot)))

    def lose(self, *keys: str) -> None:
        """Delete keys, as a person does with DEL."""
        empty = FakeRedis()
        self._set(**{key: getattr(empty, key) for key in keys})


KEYS: Final = ("totals", "partitions", "fences")
"""The keys that an accident may delete."""
