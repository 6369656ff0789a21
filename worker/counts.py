"""Running counts: how many committed tweets of a partition got each emotion, and their form as an offset's note."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

OFFSET_METADATA_MAX_BYTES: Final = 4096
"""What a Kafka broker accepts as an offset's metadata (`offset.metadata.max.bytes`)."""

_NOTE_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class RunningCounts:
    """How many committed tweets of one input partition got each emotion, since the group began."""

    totals: Mapping[str, int] = field(default_factory=dict)

    def plus(self, emotions: Iterable[str]) -> "RunningCounts":
        """These counts and one for each of `emotions`."""
        return RunningCounts(dict(Counter(self.totals) + Counter(emotions)))

    def to_metadata(self) -> str:
        """The form in which the counts stand beside the committed offset."""
        return json.dumps({"v": _NOTE_VERSION, "counts": self.totals}, ensure_ascii=True, separators=(",", ":"))

    @classmethod
    def from_metadata(cls, metadata: str) -> "RunningCounts | None":
        """The counts in an offset's note; None where there is no note or another program's."""
        try:
            fields = json.loads(metadata)
            counts = {str(name): int(count) for name, count in fields["counts"].items()}
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            return None  # whatever it is, it is not ours
        return cls(counts) if fields.get("v") == _NOTE_VERSION else None


def metadata_fits(emotions: Iterable[str]) -> bool:
    """Whether a note for these labels stays within OFFSET_METADATA_MAX_BYTES however large the counts become."""
    return len(RunningCounts(dict.fromkeys(emotions, 2**63)).to_metadata()) <= OFFSET_METADATA_MAX_BYTES


@dataclass(frozen=True, slots=True)
class CommittedCounts:
    """What an owner says of one partition: in this generation, at this committed offset, the counts are these."""

    generation: int
    offset: int
    counts: RunningCounts
