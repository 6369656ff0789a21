"""Redis in memory, with the rules of the publishing script: a fence of generation and offset for each partition."""

import copy
from collections import Counter
from dataclasses import dataclass, field

from tweets.records import Partition
from worker.counts import CommittedCounts


@dataclass
class FakeRedis:
    """Totals, counts and fence of each partition."""

    totals: Counter[str] = field(default_factory=Counter)
    partitions: dict[Partition, dict[str, int]] = field(default_factory=dict)
    fences: dict[Partition, tuple[int, int]] = field(default_factory=dict)

    def publish(self, partition: Partition, committed: CommittedCounts) -> str:
        fence, new = self.fences.get(partition), (committed.generation, committed.offset)
        if fence is not None and new < fence:
            return "stale"
        if new == fence:
            return "known"
        self.totals.update(committed.counts.totals)
        self.totals.subtract(self.partitions.get(partition, {}))
        self.partitions[partition] = dict(committed.counts.totals)
        self.fences[partition] = new
        return "applied"

    def snapshot(self) -> "FakeRedis":
        return copy.deepcopy(self)

    def restore(self, snapshot: "FakeRedis") -> None:
        copied = copy.deepcopy(snapshot)
        self.totals, self.partitions, self.fences = copied.totals, copied.partitions, copied.fences
