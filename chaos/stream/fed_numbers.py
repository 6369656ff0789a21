"""How far the input is fed: numbers sent and acknowledged in each partition. Record n must be at offset n. Pure."""

from collections.abc import Mapping
from typing import Any

from chaos.errors import ChaosError


class FedNumbers:
    """The numbers of all partitions; the partitions of bombs are kept, because their dead letters name nothing else."""

    def __init__(self, topic: str, partitions: int) -> None:
        self._topic = topic
        self.sent = [0] * partitions
        self.acknowledged = [0] * partitions
        self._bombs: list[list[tuple[int, int]]] = [[] for _ in range(partitions)]

    def begin_at(self, ends: Mapping[int, int]) -> None:
        """Continue at the ends of the partitions."""
        self.sent = [ends[partition] for partition in range(len(self.sent))]
        self.acknowledged = list(self.sent)

    def next(self, partition: int) -> int:
        """Return the number of the next record."""
        self.sent[partition] += 1
        return self.sent[partition] - 1

    def delivered(self, partition: int, offset: int) -> None:
        """Take the report on the oldest record that was not acknowledged; an offset below 0 is not known.

        Raises ChaosError if the record is not at the offset of its number.
        """
        number = self.acknowledged[partition]
        if offset >= 0 and offset != number:
            raise ChaosError(f"record {number} of {self._topic}[{partition}] is at offset {offset}: it was sent twice")
        self.acknowledged[partition] += 1

    def unacknowledged(self, partition: int) -> int:
        """Return how many records of a partition were sent and not acknowledged."""
        return self.sent[partition] - self.acknowledged[partition]

    def add_bomb(self, partition: int, records: int) -> None:
        """Note that the next records of a partition are those of a bomb."""
        first = self.sent[partition]
        self._bombs[partition].append((first, first + records))

    def is_bomb(self, partition: int, number: int) -> bool:
        """Return whether the record is one of a bomb."""
        return any(first <= number < end for first, end in self._bombs[partition])

    def state(self) -> dict[str, Any]:
        """Return the JSON object that `restore` reads."""
        return {"bombs": [list(bombs) for bombs in self._bombs]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Remember the bombs of an earlier `state`; `begin_at` gives the numbers."""
        self._bombs = [[(first, end) for first, end in bombs] for bombs in state["bombs"]]
