"""The markers in Redis that show up to which commit every kept period is published."""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple, Protocol

from tweets.records import Partition
from worker.redis.contributions import Fence

INCOMPLETE_OFFSET: Final = -1
"""The marker's offset while the closed periods of a partition are being published."""


class Reach(NamedTuple):
    """The committed offsets, both included, since which a new owner has every period that has changed.

    A marker in the reach is as good as one of the last commit. A later marker is from before an operator moved the
    offset back.
    """

    since: int
    until: int

    def has(self, marker: Fence | None) -> bool:
        """Return whether Redis lacks no period that the owner does not have."""
        return marker is not None and self.since <= marker.offset <= self.until


class MarkerStore(Protocol):
    """The markers in Redis. Methods may raise TransientError."""

    def marker_texts(self, partitions: Collection[Partition]) -> Mapping[Partition, str]: ...
    def mark(self, markers: Mapping[Partition, tuple[str, Fence]]) -> Mapping[Partition, str]: ...


class PublishedMarkers:
    """The markers of the owned partitions, as this worker has found or written them.

    A marker is replaced only if it is the expected one. So a Redis that was wiped, rolled back or failed over between
    two markers is noticed at the second, also if the data were lost before it.
    """

    def __init__(self, store: MarkerStore) -> None:
        self._store = store
        self._fences: Mapping[Partition, Fence] = {}
        self._expected: dict[Partition, str] = {}
        self.incomplete: set[Partition] = set()
        """Partitions whose closed periods Redis may lack."""
        self._unwritten: set[Partition] = set()
        """Partitions whose marker could not become INCOMPLETE_OFFSET, because another one was written meanwhile."""

    def assign(
        self, fences: Mapping[Partition, Fence], foreign: Collection[Partition], *, reaches: Mapping[Partition, Reach]
    ) -> set[Partition]:
        """Own these partitions; return those whose marker is missing or not in their reach.

        The markers of `foreign` are read. A marker of a later generation is that of another worker, and stays.
        """
        self._fences = fences
        self._expected = {p: text for p, text in self._expected.items() if p in fences and p not in foreign}
        self.incomplete &= self._expected.keys()
        unknown = fences.keys() - self._expected.keys()
        found = self._store.marker_texts(unknown)
        self._unwritten &= unknown
        behind = {
            partition
            for partition, text in found.items()
            if not _is_later(text, fences[partition])
            and (partition in self._unwritten or not reaches[partition].has(Fence.parse(text)))
        }
        self._begin(behind, found)
        self._expected.update({partition: text for partition, text in found.items() if partition not in behind})
        return behind

    def check(self) -> set[Partition]:
        """Return the partitions whose marker is not the expected one; a later generation is another worker's."""
        found = self._store.marker_texts(self._expected)
        lost = {
            partition
            for partition, text in found.items()
            if text != self._expected[partition] and not _is_later(text, self._fences[partition])
        }
        self._begin(lost, found)
        return lost

    def mark(self, fences: Mapping[Partition, Fence], completed: Collection[Partition]) -> set[Partition]:
        """Mark that everything up to these fences is published; return the partitions whose marker was lost.

        Redis has got the closed periods of `completed`. If Redis does not answer now, a server that fails over may have
        lost them without their marker; the partitions stay incomplete.
        """
        before, self.incomplete = self.incomplete, self.incomplete - set(completed)
        try:
            return self._mark(fences)
        except BaseException:
            self.incomplete |= {
                partition
                for partition in before
                if partition in self._expected and _is_incomplete(self._expected[partition])
            }
            raise

    def _mark(self, fences: Mapping[Partition, Fence]) -> set[Partition]:
        due = {
            partition: (self._expected[partition], fence)
            for partition, fence in fences.items()
            if partition in self._expected
            and partition not in self.incomplete
            and self._expected[partition] != str(fence)
            and not _is_later(self._expected[partition], fence)
        }
        if not due:
            return set()
        outcomes = self._store.mark(due)
        self._expected.update({p: str(due[p][1]) for p, outcome in outcomes.items() if outcome == "applied"})
        lost = {partition for partition, outcome in outcomes.items() if outcome == "lost"}
        self._begin(lost, self._store.marker_texts(lost))
        return lost

    def _begin(self, partitions: Collection[Partition], found: Mapping[Partition, str]) -> None:
        """Write that the partitions are incomplete, before anything is published again."""
        if not partitions:
            return
        self.incomplete |= set(partitions)
        marks = {p: (found[p], Fence(self._fences[p].generation, INCOMPLETE_OFFSET)) for p in partitions}
        for partition, outcome in self._store.mark(marks).items():
            if outcome == "applied":
                self._expected[partition] = str(marks[partition][1])
                self._unwritten.discard(partition)
            else:  # read the marker again in the next round
                self._expected.pop(partition, None)
                self._unwritten.add(partition)


def _is_incomplete(text: str) -> bool:
    marker = Fence.parse(text)
    return marker is not None and marker.offset == INCOMPLETE_OFFSET


def _is_later(text: str, fence: Fence) -> bool:
    marker = Fence.parse(text)
    return marker is not None and marker.generation > fence.generation
