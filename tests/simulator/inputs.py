"""The input of a schedule: tweets and bad records of several kinds, in partitions with gaps."""

import random
from typing import Final

from tests.simulator.broker import INPUT, MAX_RECORD_BYTES, InputLog
from tweets.records import Partition, Record

LARGE: Final = 0.1
"""Share of the records with a large header, which the labelled tweet has too."""

HEADER_BYTES: Final = (800, MAX_RECORD_BYTES)
"""As a labelled tweet, the first is larger than the lowered size limit, the second than every limit."""


def random_inputs(rng: random.Random) -> dict[Partition, InputLog]:
    """One to three partitions; offsets have gaps, as transaction markers and compaction leave them, also at the end."""
    values: list[bytes | None] = [b'{"text":"w"}', b'{"text":"w"}', b'{"text":"w"}', b'{"text":"poison"}', b"[", None]
    values.append(b'{"text":"refused"}')
    inputs = {}
    for number in range(rng.randint(1, 3)):
        partition, beginning, records = Partition(INPUT, number), rng.randint(0, 3), []
        offset = beginning
        for _ in range(rng.choice([0, *range(3, 16)])):
            headers = [("large", bytes(rng.choice(HEADER_BYTES)))] if rng.random() < LARGE else []
            records.append(Record(partition, offset, 1_700_000_000_000, None, rng.choice(values), headers))
            offset += rng.choice([1, 1, 1, 2, 3])
        inputs[partition] = InputLog(records, beginning=beginning, end=offset + rng.randint(0, 2))
    return inputs
