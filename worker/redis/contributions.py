"""What a partition contributes to a period, and its form in Redis."""

from typing import NamedTuple

import orjson

from tweets.periods import Cells
from worker.windows.cells_json import dump


class Fence(NamedTuple):
    """A committed input offset, and the generation of the group that has committed it; a later one is larger."""

    generation: int
    offset: int

    def __str__(self) -> str:
        """Return the form in Redis."""
        return f"{self.generation}:{self.offset}"

    @classmethod
    def parse(cls, text: str | None) -> "Fence | None":
        """Return the fence that Redis has; None for anything else."""
        try:
            generation, offset = (text or "").split(":")
            return cls(int(generation), int(offset))
        except ValueError:
            return None


class Contribution(NamedTuple):
    """The counts of one partition in one period as of a fence, as the JSON that Redis stores."""

    fence: Fence
    counts: str

    def subjects(self) -> set[str]:
        """Return the subjects that the counts name."""
        return set(orjson.loads(self.counts))

    @classmethod
    def of(cls, fence: Fence, cells: Cells) -> "Contribution":
        """Return the contribution of these cells."""
        return cls(fence, dump(cells))
