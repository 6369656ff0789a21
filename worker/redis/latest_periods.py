"""The newest counts of every period that may still change, and which of them Redis does not have yet."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from tweets.periods import Cells, Period
from tweets.records import Partition
from worker.redis.contributions import Contribution, Fence
from worker.redis.published_markers import Reach
from worker.windows.state import WindowUpdate


@dataclass(slots=True)
class OwnedPeriods:
    """The periods of one partition; `fence` is that of the newest update, `reach` that of the first one."""

    fence: Fence
    reach: Reach
    latest: dict[Period, tuple[Fence, Cells] | Contribution] = field(default_factory=dict)
    """Cells become a contribution, which needs a tenth of the memory, when they are pushed."""
    unpushed: set[Period] = field(default_factory=set)
    pushed: set[Period] = field(default_factory=set)
    """Periods that were pushed since `push_again`, and whose push is to be repeated."""
    repeated: set[Period] = field(default_factory=set)
    """Unpushed periods whose next push is the repetition."""

    @classmethod
    def of(cls, update: WindowUpdate) -> "OwnedPeriods":
        """Return the periods of a first update."""
        since = update.offset if update.complete_since is None else update.complete_since
        owned = cls(Fence(update.generation, update.offset), Reach(since, update.offset))
        owned.add(update)
        return owned

    def add(self, update: WindowUpdate) -> None:
        """Replace the counts of the update's periods."""
        self.fence = Fence(update.generation, update.offset)
        self.latest.update({period: (self.fence, dict(cells)) for period, cells in update.periods.items()})
        self.unpushed.update(update.periods)
        self.repeated.difference_update(update.periods)

    def push_again(self, *, all_periods: bool) -> None:
        """Make the periods unpushed that were pushed since the last call; with `all_periods` all that are held."""
        again = set(self.latest) if all_periods else self.pushed - self.unpushed
        self.repeated = set() if all_periods else self.repeated | again
        self.unpushed |= again
        self.pushed = set()

    def take(self) -> set[Period]:
        """Return the unpushed periods, which count as pushed from now on."""
        taken = self.unpushed
        self.pushed |= taken - self.repeated
        self.unpushed, self.repeated = set(), set()
        return taken

    def forget_closed(self, late_ms: int) -> None:
        """Drop the pushed periods that cannot change any more; the checkpoint topic has them too."""
        newest_ms = max((period.start_ms for period in self.latest if period.unit == "minute"), default=0)
        kept = self.unpushed | self.pushed
        for period in [each for each in self.latest if each.end_ms + late_ms <= newest_ms and each not in kept]:
            del self.latest[period]


class LatestPeriods:
    """The periods of all owned partitions. There is no queue: newer counts of a period replace older ones.

    The caller holds a lock for every call.
    """

    def __init__(self, late_ms: int) -> None:
        self._late_ms = late_ms
        self.owned: dict[Partition, OwnedPeriods] = {}

    def assign(self, updates: Mapping[Partition, WindowUpdate]) -> set[Partition]:
        """Own these partitions and no others; return those of which other owners may have committed periods.

        Where the committed offset is the one of this worker's newest update, unpushed periods are not forgotten.
        """
        before, self.owned = self.owned, {}
        foreign = set()
        for partition, update in updates.items():
            known = before.get(partition)
            if known is None or known.fence.offset != update.offset:
                foreign.add(partition)
                known = OwnedPeriods.of(update)
            else:
                known.add(update)
            self.owned[partition] = known
        return foreign

    def publish(self, updates: Mapping[Partition, WindowUpdate]) -> None:
        """Replace the counts of the updates' periods."""
        for partition, update in updates.items():
            if (owned := self.owned.get(partition)) is not None:
                owned.add(update)
            else:
                self.owned[partition] = OwnedPeriods.of(update)

    @property
    def has_unpushed(self) -> bool:
        """Whether a period is not pushed yet."""
        return any(owned.unpushed for owned in self.owned.values())

    def push_again(self, partitions: Collection[Partition], *, all_periods: bool) -> None:
        """Make the periods unpushed that were pushed since the last call; with `all_periods` all that are held."""
        for partition in partitions:
            if (owned := self.owned.get(partition)) is not None:
                owned.push_again(all_periods=all_periods)

    def take(self) -> tuple[dict[Partition, Fence], dict[Period, dict[Partition, tuple[Fence, Cells] | Contribution]]]:
        """Return the fence of each partition and the unpushed periods, which count as pushed from now on."""
        fences, taken = {}, dict[Period, dict[Partition, tuple[Fence, Cells] | Contribution]]()
        for partition, owned in self.owned.items():
            fences[partition] = owned.fence
            owned.forget_closed(self._late_ms)
            for period in owned.take():
                taken.setdefault(period, {})[partition] = owned.latest[period]
        return fences, taken

    def put_back(self, periods: Mapping[Period, Collection[Partition]]) -> None:
        """Make periods unpushed whose push has failed."""
        for period, partitions in periods.items():
            for partition in partitions:
                owned = self.owned.get(partition)
                if owned is not None and period in owned.latest:
                    owned.unpushed.add(period)

    def compact(
        self, period: Period, taken: Mapping[Partition, object], sent: Mapping[Partition, Contribution]
    ) -> None:
        """Hold what was sent in place of the cells that were taken, unless newer ones have replaced them."""
        for partition, contribution in sent.items():
            owned = self.owned.get(partition)
            if owned is not None and owned.latest.get(period) is taken[partition]:
                owned.latest[period] = contribution

    def held(self, partitions: Collection[Partition]) -> list[tuple[Period, tuple[Fence, Cells] | Contribution]]:
        """Return the periods of these partitions."""
        owned = [self.owned[partition].latest for partition in partitions if partition in self.owned]
        return [each for latest in owned for each in latest.items()]

    def holds(self, partition: Partition, period: Period) -> bool:
        """Return whether newer counts of the period are held than another source may have."""
        owned = self.owned.get(partition)
        return owned is not None and period in owned.latest
