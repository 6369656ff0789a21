"""The markers in Redis that show up to which commit every kept period is published."""

from collections.abc import Collection, Mapping
from typing import Final, Protocol

from tweets.records import Partition
from worker.redis.contributions import Fence

INCOMPLETE_OFFSET: Final = -1
"""The marker's offset while the closed periods of a partition are being published."""


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

    def assign(self, fences: Mapping[Partition, Fence], foreign: Collection[Partition]) -> set[Partition]:
        """Own these partitions; return those of `foreign` whose marker is missing or below the committed offset."""
        self._fences = fences
        self._expected = {p: text for p, text in self._expected.items() if p in fences and p not in foreign}
        self.incomplete &= self._expected.keys()
        unknown = fences.keys() - self._expected.keys()
        found = self._store.marker_texts(unknown)
        behind = {partition for partition, text in found.items() if _is_behind(text, fences[partition])}
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

    def complete(self, partitions: Collection[Partition]) -> None:
        """Note that Redis has the closed periods of these partitions."""
        self.incomplete -= set(partitions)

    def mark(self, fences: Mapping[Partition, Fence]) -> set[Partition]:
        """Mark that everything up to these fences is published; return the partitions whose marker was lost."""
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
            else:  # read the marker again in the next round
                self._expected.pop(partition, None)


def _is_behind(text: str, fence: Fence) -> bool:
    marker = Fence.parse(text)
    return marker is None or marker.offset < fence.offset


def _is_later(text: str, fence: Fence) -> bool:
    marker = Fence.parse(text)
    return marker is not None and marker.generation > fence.generation
