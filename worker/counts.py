"""Running counts: how many committed tweets of a partition got each emotion, and their form as offset metadata."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

OFFSET_METADATA_MAX_BYTES: Final = 4096
"""The most bytes of offset metadata that a broker accepts: Kafka's default of `offset.metadata.max.bytes`."""

_METADATA_VERSION: Final = 1
"""Version of the JSON in the offset metadata; counts of another version are not read."""


@dataclass(frozen=True, slots=True)
class RunningCounts:
    """How many committed tweets of one input partition got each emotion, since the group began."""

    totals: Mapping[str, int] = field(default_factory=dict)

    def plus(self, emotions: Iterable[str]) -> "RunningCounts":
        """Return these counts plus one for each of `emotions`."""
        return RunningCounts(dict(Counter(self.totals) + Counter(emotions)))

    def to_metadata(self) -> str:
        """Return the JSON that is committed as the metadata of an offset."""
        return json.dumps({"v": _METADATA_VERSION, "counts": self.totals}, ensure_ascii=True, separators=(",", ":"))

    @classmethod
    def from_metadata(cls, metadata: str) -> "RunningCounts | None":
        """Return the counts in the metadata of an offset; None if it is empty or written by another program."""
        try:
            fields = json.loads(metadata)
            counts = {str(name): int(count) for name, count in fields["counts"].items()}
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            return None  # no worker wrote this metadata
        return cls(counts) if fields.get("v") == _METADATA_VERSION else None


def metadata_fits(emotions: Iterable[str]) -> bool:
    """Return whether metadata with these labels fits into OFFSET_METADATA_MAX_BYTES with the largest counts."""
    return len(RunningCounts(dict.fromkeys(emotions, 2**63)).to_metadata()) <= OFFSET_METADATA_MAX_BYTES


@dataclass(frozen=True, slots=True)
class CommittedCounts:
    """The running counts of one partition at a committed offset, as the owner in this generation knows them."""

    generation: int
    offset: int
    counts: RunningCounts
