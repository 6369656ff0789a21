"""The second durable copy of a partition's position and counts, and its windows: records on the checkpoint topic."""

import json
from typing import Any

from tweets.records import OutputRecord, Partition
from worker.counts import CommittedCounts, RunningCounts, is_count, state_name
from worker.partition_state import PartitionState
from worker.windows.records import WINDOWS, WindowSummary, decode_fields, encode_fields


def encode_state(topic: str, group: str, partition: Partition, state: PartitionState) -> list[OutputRecord]:
    """Return the record of the state and those of its windows; their partition number is that of the input partition.

    The state is the last record, and the summary of the windows the one before: what it names is there or before.
    """
    prefix = key(group, partition) + b"|"
    values = {**state.records, WINDOWS: encode_windows(state.counts, state.windows.summary())}
    records = [
        OutputRecord(topic, partition.number, prefix + name.encode(), value, ()) for name, value in values.items()
    ]
    return [*records, encode(topic, group, partition, state.counts)]


def encode(topic: str, group: str, partition: Partition, committed: CommittedCounts) -> OutputRecord:
    """Return the record of position and counts. The windows stay those of the commit that wrote them."""
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


def encode_windows(committed: CommittedCounts, windows: WindowSummary) -> bytes:
    """Return the value of the record with the summary of the windows as of a commit."""
    return encode_fields({"commit": to_fields(committed), **windows.to_fields()})


def decode_windows(value: bytes | None) -> tuple[CommittedCounts, WindowSummary] | None:
    """Return the commit and the summary in the value of such a record; None if no worker can have written it."""
    fields = decode_fields(value)
    if fields is None:
        return None
    committed, windows = from_fields(fields.get("commit")), WindowSummary.from_fields(fields)
    return None if committed is None or windows is None else (committed, windows)


def from_fields(fields: Any) -> CommittedCounts | None:
    """Return the state in a JSON object; None if a field is missing or has a value that no worker writes."""
    counts = RunningCounts.from_fields(fields)
    if counts is None:
        return None
    numbers = fields.get("generation"), fields.get("offset")
    if not all(is_count(number) for number in numbers):
        return None
    return CommittedCounts(*numbers, counts)
