"""The second durable copy of a partition's position and counts, a record on the compacted checkpoint topic."""

import json
from typing import Any

from tweets.records import OutputRecord, Partition
from worker.counts import CommittedCounts, RunningCounts, is_count, state_name


def encode(topic: str, group: str, partition: Partition, committed: CommittedCounts) -> OutputRecord:
    """Return the record; its partition number is that of the input partition."""
    value = json.dumps(to_fields(committed), ensure_ascii=True, separators=(",", ":")).encode()
    return OutputRecord(topic, partition.number, key(group, partition), value, ())


def key(group: str, partition: Partition) -> bytes:
    """Return the key of a partition's states; the newest record of the key counts."""
    return state_name(group, partition).encode()


def to_fields(committed: CommittedCounts) -> dict[str, Any]:
    """Return the JSON object that `from_fields` reads."""
    return {**committed.counts.to_fields(), "offset": committed.offset, "generation": committed.generation}


def decode(value: bytes | None) -> CommittedCounts | None:
    """Return the state in the value of a record; None if no worker can have written the record."""
    try:
        return from_fields(json.loads(value or b""))
    except (ValueError, RecursionError):
        return None


def from_fields(fields: Any) -> CommittedCounts | None:
    """Return the state in a JSON object; None if a field is missing or has a value that no worker writes."""
    counts = RunningCounts.from_fields(fields)
    if counts is None:
        return None
    numbers = fields.get("generation"), fields.get("offset")
    if not all(is_count(number) for number in numbers):
        return None
    return CommittedCounts(*numbers, counts)
