"""One partition that differs, and all that is known of it, for the tests of the causes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tweets.records import Partition
from worker.counts import CommittedCounts, RunningCounts, state_name
from worker.kafka.committed import Committed
from worker.redis.contributions import Fence
from worker.redis.publication import Publication
from worker.verify.compare import Look
from worker.verify.evidence import Evidence
from worker.verify.explain import Explainer
from worker.verify.finding import Explanation, Finding

P0, P1 = Partition("tweets", 0), Partition("tweets", 1)
TOPIC_ID, OTHER_ID = "a" * 22, "b" * 22
EARLIER, LAST = Fence(5, 80), Fence(5, 100)
COUNTS = RunningCounts({"joy": 3}, topic_id=TOPIC_ID)


def field_of(partition: Partition) -> str:
    return state_name("g", partition)


@dataclass
class Case:
    """One committed partition at offset 100 in generation 5, and what Redis and the output topic have of it."""

    at: Committed | None = field(default_factory=lambda: Committed(100, COUNTS))
    found: Mapping[str, int] = field(default_factory=lambda: {"joy": 1})
    recount: RunningCounts | None = None
    fence: Fence | None = EARLIER
    fence_before: Fence | None = None
    marker: Fence | None = LAST
    generation: int | None = 5
    owned: bool | None = False
    evidence: dict[str, Any] = field(default_factory=dict)
    look: dict[str, Any] = field(default_factory=dict)

    def explained(self, finding: Finding) -> Explanation:
        look = Look(
            committed={} if self.at is None else {P0: self.at},
            recounts={0: self.recount},
            stored={P0: self.found} if self.found else {},
            partitions={P0},
            findings=[finding],
        )
        (found,) = Explainer(replace(look, **self.look), self._evidence(), field_of).findings()
        assert found.explanation is not None
        return found.explanation

    def cause(self) -> Explanation:
        """Return the explanation of the partition's difference."""
        return self.explained(Finding(str(P0), False, "differs"))

    def period(self, place: Partition | None = P0) -> Explanation:
        """Return the explanation of a minute's difference."""
        return self.explained(Finding("minute 2026-05-01T12:00Z all tweets", False, "differs", (place,)))

    def _evidence(self) -> Evidence:
        offset = 100 if self.at is None else self.at.offset
        now = self._publication(self.fence)
        evidence = Evidence(
            before=self._publication(self.fence_before or self.fence),
            now=now,
            committed={} if self.at is None else {P0: self.at},
            checkpoints={} if self.generation is None else {P0: CommittedCounts(self.generation, offset, COUNTS)},
            existing={P0, P1},
            owned=None if self.owned is None else {P0} if self.owned else set(),
            topic_id=TOPIC_ID,
        )
        return replace(evidence, **self.evidence)

    def _publication(self, fence: Fence | None) -> Publication:
        return Publication(
            {field_of(P0): self.found, field_of(P1): {"joy": 9}},
            {field_of(P1): Fence(5, 1)} | ({} if fence is None else {field_of(P0): fence}),
            {} if self.marker is None else {field_of(P0): self.marker},
        )
