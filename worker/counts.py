"""Running counts: how many committed tweets of a partition got each emotion, and their form as offset metadata."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from tweets.records import Partition
from worker.errors import ExitCode, FatalError

OFFSET_METADATA_MAX_BYTES: Final = 4096
"""The most bytes of offset metadata that a broker accepts: Kafka's default of `offset.metadata.max.bytes`."""

LARGEST_COUNT: Final = 2**63
"""No count has more digits than this one: offsets are 64-bit numbers."""

_NAMED_LABELS: Final = 5
"""Labels that an error message names: the message stays one readable line."""

_NAMED_CHARS: Final = 40
"""Characters of a label that an error message shows, for the same reason."""

_METADATA_VERSION: Final = 1
"""Version of the JSON in the offset metadata; counts of another version are not read."""


@dataclass(frozen=True, slots=True)
class RunningCounts:
    """How many committed tweets of one input partition got each emotion, since the group began.

    `skipped` is how many offsets the group passed over, because Kafka had deleted the records before a worker read
    them. Some of these offsets may have been transaction markers.
    """

    totals: Mapping[str, int] = field(default_factory=dict)
    skipped: int = 0

    def plus(self, emotions: Iterable[str]) -> "RunningCounts":
        """Return these counts plus one for each of `emotions`."""
        return replace(self, totals=dict(Counter(self.totals) + Counter(emotions)))

    def plus_skipped(self, offsets: int) -> "RunningCounts":
        """Return these counts with so many more skipped offsets."""
        return replace(self, skipped=self.skipped + offsets)

    def to_metadata(self) -> str:
        """Return the JSON that is committed as the metadata of an offset."""
        # Workers of an earlier release read metadata with `skipped` too, but drop `skipped` at their next commit.
        skipped = {"skipped": self.skipped} if self.skipped else {}
        fields = {"v": _METADATA_VERSION, "counts": self.totals, **skipped}
        return json.dumps(fields, ensure_ascii=True, separators=(",", ":"))

    @classmethod
    def from_metadata(cls, metadata: str) -> "RunningCounts | None":
        """Return the counts in the metadata of an offset; None if it is empty or written by another program."""
        try:
            fields = json.loads(metadata)
            counts = {str(name): int(count) for name, count in fields["counts"].items()}
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            return None  # no worker wrote this metadata
        skipped = fields.get("skipped", 0)
        known = type(skipped) is int and 0 <= skipped <= LARGEST_COUNT
        return cls(counts, skipped if known else 0) if fields.get("v") == _METADATA_VERSION else None


@dataclass(frozen=True, slots=True)
class CommittedCounts:
    """The running counts of one partition at a committed offset, as the owner in this generation knows them."""

    generation: int
    offset: int
    counts: RunningCounts


@dataclass(frozen=True, slots=True)
class MetadataLimit:
    """The labels that this worker counts, and the bytes of offset metadata that the brokers accept.

    Counts only ever grow under the labels of the present model. Labels of an earlier model keep their counts, because
    the counts must equal the committed output label by label. Therefore counts that pass `check` when a worker restores
    them fit for as long as this worker owns the partition.
    """

    labels: Collection[str] = ()
    max_bytes: int = OFFSET_METADATA_MAX_BYTES

    def bytes_needed(self, counts: RunningCounts | None = None) -> int:
        """Return the size of the largest metadata that a worker with these labels can make of `counts`."""
        present = RunningCounts() if counts is None else counts
        largest = {label: max(LARGEST_COUNT, present.totals.get(label, 0)) for label in self.labels}
        return len(RunningCounts({**present.totals, **largest}, skipped=LARGEST_COUNT).to_metadata())

    def check(self, committed_counts: Mapping[Partition, "CommittedCounts"]) -> None:
        """Raise FatalError for the first counts that may not fit together with the labels of the present model."""
        for partition, committed in committed_counts.items():
            needed = self.bytes_needed(committed.counts)
            if needed > self.max_bytes:
                others = [label for label in committed.counts.totals if label not in self.labels]
                named = ", ".join(repr(label)[:_NAMED_CHARS] for label in others[:_NAMED_LABELS])
                more = f" and {len(others) - _NAMED_LABELS} more" if len(others) > _NAMED_LABELS else ""
                raise FatalError(
                    f"{partition}@{committed.offset}: the offset metadata holds counts of {len(others)} labels that "
                    f"the model does not have ({named}{more}); with the labels of the model, the metadata can need "
                    f"{needed} bytes, and KAFKA_OFFSET_METADATA_MAX_BYTES={self.max_bytes}: raise "
                    "offset.metadata.max.bytes of every broker and then KAFKA_OFFSET_METADATA_MAX_BYTES to "
                    f"{needed} or more, or set MODEL_PATH to a model with the earlier labels",
                    ExitCode.STATE,
                )
