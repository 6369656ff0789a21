"""What a partition contributes to a period, and its form in Redis."""

import json
from typing import NamedTuple

import orjson

from tweets.periods import Cells


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

    @classmethod
    def of(cls, fence: Fence, cells: Cells) -> "Contribution":
        """Return the contribution of these cells."""
        return cls(fence, dump(cells))


def dump(cells: Cells) -> str:
    """Return subject → emotion → tweets as JSON; equal cells have equal JSON."""
    counts: dict[str, dict[str, int]] = {}
    for (subject, emotion), count in cells.items():
        counts.setdefault(subject, {})[emotion] = count
    return orjson.dumps(counts, option=orjson.OPT_SORT_KEYS).decode()


def load(counts: str) -> Cells:
    """Return the cells in the JSON; no cells if no worker can have written it."""
    try:
        fields = json.loads(counts)
        found = {(subject, name): count for subject, each in fields.items() for name, count in each.items()}
    except (ValueError, AttributeError, RecursionError):
        return {}
    valid = all(type(count) is int and count >= 0 for count in found.values())
    return {cell: count for cell, count in found.items() if count} if valid else {}
