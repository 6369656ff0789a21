"""The second copy of positions and counts: the newest record of each partition's key on the checkpoint topic."""

import json
from typing import Final, NamedTuple

from chaos.stream.committed_reader import read_to_ends
from chaos.stream.kafka_offsets import KafkaOffsets
from chaos.stream_names import StreamNames

_SPANS: Final = (500, 20_000)
"""Offsets before the end that are read first: each commit of a partition writes its key."""


class CheckpointedCounts(NamedTuple):
    """Position and counts of a partition."""

    offset: int
    counts: dict[str, int]


def read_checkpoints(bootstrap: str, names: StreamNames) -> dict[int, CheckpointedCounts]:
    """Return the checkpoint of each partition that has one. Raises ChaosError if Kafka does not answer."""
    ends = KafkaOffsets(bootstrap).ends(names.checkpoints, committed=True)
    found: dict[int, CheckpointedCounts] = {}
    for span in (*_SPANS, None):
        left = {partition: end for partition, end in ends.items() if partition not in found and end > 0}
        if left:
            found |= _newest(bootstrap, names, left, span)
    return found


def _newest(
    bootstrap: str, names: StreamNames, ends: dict[int, int], span: int | None
) -> dict[int, CheckpointedCounts]:
    """Return the newest checkpoints among the last `span` offsets before the ends."""
    places = {(names.checkpoints, partition): end for partition, end in ends.items()}
    begin = {place: 0 if span is None else max(0, end - span) for place, end in places.items()}
    found: dict[int, CheckpointedCounts] = {}
    for message in read_to_ends(bootstrap, begin, places):
        partition = message.partition() or 0
        if message.key() == names.state_name(partition).encode():
            state = json.loads(message.value() or b"{}")
            found[partition] = CheckpointedCounts(state["offset"], state["counts"])
    return found
