"""The second durable copy of a partition's position and counts, and its windows: records on the checkpoint topic."""

import json
from typing import Any

from tweets.records import OutputRecord, Partition
from worker.counts import CommittedCounts, RunningCounts, is_count, state_name
from worker.partition_state import PartitionState
from worker.window_records import WindowSummary


def encode_state(topic: str, group: str, partition: Partition, state: PartitionState) -> list[OutputRecord]:
    """Return the record of the state and those of its windows; their partition number is that of the input partition.

    The state is the last record: what it names is there or before.
    """
    prefix = key(group, partition) + b"|"
    records = [
        OutputRecord(topic, partition.number, prefix + name.encode(), value, ())
        for name, value in state.records.items()
    ]
    return [*records, encode(topic, group, partition, state.counts, state.windows.summary())]


def encode(
    topic: str, group: str, partition: Partition, committed: CommittedCounts, windows: WindowSummary | None = None
) -> OutputRecord:
    """Return the record of a state; without windows, the windows of the partition begin with the next owner."""
    fields = to_fields(committed) if windows is None else to_fields(committed) | {"windows": windows.to_fields()}
    value = json.dumps(fields, ensure_ascii=True, separators=(",", ":")).encode()
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


def decode_windows(value: bytes | None) -> WindowSummary | None:
    """Return the summary of the windows in the value of a state; None if it has none that a worker can have written."""
    try:
        return WindowSummary.from_fields(json.loads(value or b"").get("windows"))
    except (ValueError, RecursionError, AttributeError):
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
