"""Running counts: how many committed tweets of a partition got each emotion, and their form as offset metadata."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

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

_TOPIC_ID_CHARS: Final = 36
"""Characters of a topic's id, a UUID."""


def state_name(group: str, partition: Partition) -> str:
    """Return the name of a partition's state, in Redis and on the checkpoint topic; no part of it has a bar."""
    return f"{group}|{partition.topic}|{partition.number}"


@dataclass(frozen=True, slots=True)
class RunningCounts:
    """How many committed tweets of one input partition got each emotion, since the group began.

    `skipped` is how many offsets the group passed over, because Kafka had deleted the records before a worker read
    them. Some of these offsets may have been transaction markers. `topic_id` is the id that Kafka gave the input topic
    when the topic was created; empty if the broker gives no ids. `generation_base` is more than 0 after the group
    lost its committed offsets: the generations of the group then begin again at 1, and the sum with the base still
    only ever grows.
    """

    totals: Mapping[str, int] = field(default_factory=dict)
    skipped: int = 0
    topic_id: str = ""
    generation_base: int = 0

    def plus(self, emotions: Iterable[str]) -> "RunningCounts":
        """Return these counts plus one for each of `emotions`."""
        return replace(self, totals=dict(Counter(self.totals) + Counter(emotions)))

    def plus_skipped(self, offsets: int) -> "RunningCounts":
        """Return these counts with so many more skipped offsets."""
        return replace(self, skipped=self.skipped + offsets)

    def to_fields(self) -> dict[str, Any]:
        """Return the JSON object that `from_fields` reads."""
        # Workers of an earlier release ignore the optional fields, and drop these at their next commit.
        optional = {"skipped": self.skipped, "topic_id": self.topic_id, "generation_base": self.generation_base}
        return {"v": _METADATA_VERSION, "counts": self.totals} | {k: v for k, v in optional.items() if v}

    def to_metadata(self) -> str:
        """Return the JSON that is committed as the metadata of an offset."""
        return json.dumps(self.to_fields(), ensure_ascii=True, separators=(",", ":"))

    @classmethod
    def from_fields(cls, fields: Any) -> "RunningCounts | None":
        """Return the counts of a JSON value; None if no worker can have written it."""
        try:
            counts = {str(name): count for name, count in fields["counts"].items()}
            if not all(is_count(count) for count in counts.values()):
                return None
            topic_id = fields.get("topic_id", "")
            if fields.get("v") != _METADATA_VERSION or not isinstance(topic_id, str):
                return None
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            return None
        return cls(counts, _count(fields, "skipped"), topic_id[:_TOPIC_ID_CHARS], _count(fields, "generation_base"))

    @classmethod
    def from_metadata(cls, metadata: str) -> "RunningCounts | None":
        """Return the counts in the metadata of an offset; None if it is empty or written by another program."""
        try:
            return cls.from_fields(json.loads(metadata))
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class CommittedCounts:
    """The running counts of one partition at a committed offset, as the owner in this generation knows them.

    `generation` is the group's generation plus `counts.generation_base`. Only a later owner has a higher one.
    """

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
        totals, topic_id = {**present.totals, **largest}, "-" * _TOPIC_ID_CHARS
        return len(RunningCounts(totals, LARGEST_COUNT, topic_id, LARGEST_COUNT).to_metadata())

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


def _count(fields: Mapping[str, Any], name: str) -> int:
    """Return an optional count; 0 if it is missing or no count."""
    value = fields.get(name, 0)
    return value if is_count(value) else 0


def is_count(value: object) -> bool:
    """Return whether a JSON value is a count: a whole number from 0 to LARGEST_COUNT."""
    return type(value) is int and 0 <= value <= LARGEST_COUNT
