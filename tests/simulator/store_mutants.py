"""Scripts in Redis with one rule switched off, and their controls."""

from collections import Counter
from collections.abc import Mapping

from tests.simulator.store import FakeRedis, Publication, Write
from tweets.records import Partition
from worker.counts import CommittedCounts


class TotalsFirst(FakeRedis):
    """Control: the writes in another order."""

    def _writes(self, news: Publication, growth: Counter[str], outcome: str) -> list[Write]:
        first, *rest = super()._writes(news, growth, outcome)
        return [first, self._write_totals(news, growth), *rest]

    def _write_totals(self, news: Publication, growth: Counter[str]) -> Write:
        return lambda: self._set(totals=news.totals)


class AddsToTheTotals(TotalsFirst):
    """The totals are incremented: a script that failed after this write, and is repeated, counts twice."""

    def _writes(self, news: Publication, growth: Counter[str], outcome: str) -> list[Write]:
        writes = super()._writes(news, growth, outcome)
        return writes[:-3] + writes[-2:] if outcome == "applied" else writes  # without the absolute totals

    def _write_totals(self, news: Publication, growth: Counter[str]) -> Write:
        return lambda: self.totals.update(growth)

    def _failed_before(self) -> bool:
        return False


class ForgetsThatAScriptFailed(FakeRedis):
    """The next script trusts totals that a failed script has not written."""

    def _failed_before(self) -> bool:
        return False


class FenceFirst(FakeRedis):
    """Control: the fence is written before the counts."""

    def _writes(self, news: Publication, growth: Counter[str], outcome: str) -> list[Write]:
        return [lambda: self.fences.update({news.partition: news.fence}), *super()._writes(news, growth, outcome)]


class TrustsTheFenceAlone(FenceFirst):
    """Counts whose fence is stored count as known, although the script failed before it stored the counts."""

    def _outcome(self, partition: Partition, counts: Mapping[str, int], fence: tuple[int, int]) -> str:
        known = fence == self.fences.get(partition)
        return "known" if known else super()._outcome(partition, counts, fence)


class NeverComparesTotals(FakeRedis):
    """Totals that were deleted do not come back."""

    def publish(
        self, partition: Partition, committed: CommittedCounts, *, check: bool = False, writes: int | None = None
    ) -> str:
        return super().publish(partition, committed, check=False, writes=writes)


class HasNoFence(FakeRedis):
    """Older counts, of a worker that has lost the partition, replace newer ones."""

    def _outcome(self, partition: Partition, counts: Mapping[str, int], fence: tuple[int, int]) -> str:
        return "applied"
