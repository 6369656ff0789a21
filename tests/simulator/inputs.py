"""The input of a schedule: tweets and bad records of several kinds, in partitions with gaps."""

import random
from datetime import UTC, datetime
from typing import Final

from tests.simulator.broker import INPUT, MAX_RECORD_BYTES, InputLog
from tweets.records import Partition, Record

LARGE: Final = 0.15
"""Share of the records with a large header, which the labelled tweet has too."""

HEADER_BYTES: Final = (760, MAX_RECORD_BYTES)
"""As a labelled tweet, the first is larger than the lowered size limit, the second than every limit."""


START_S: Final = 1_700_000_000
"""The time of the first tweet of each partition, Unix seconds."""

SPAN_MINUTES: Final = (0, 0, 1, 7, 25, 180, 1_600)
"""Minutes from one tweet to the next: mostly in the same window, now and then behind a closed hour or day."""

EARLIER_MINUTES: Final = (0, 0, 0, 5, 20, 40, 300)
"""Minutes by which a tweet is out of order; the last ones are late."""


def random_inputs(rng: random.Random) -> dict[Partition, InputLog]:
    """One to three partitions; offsets have gaps, as transaction markers and compaction leave them, also at the end."""
    values: list[bytes | None] = [b'{"text":"w"}', b'{"text":"w"}', b'{"text":"w"}', b'{"text":"poison"}', b"[", None]
    values.append(b'{"text":"refused"}')
    inputs, times = {}, random.Random(rng.random())
    for number in range(rng.randint(1, 3)):
        partition, beginning, records = Partition(INPUT, number), rng.randint(0, 3), []
        offset, minute = beginning, 0
        for _ in range(rng.choice([0, *range(3, 16)])):
            headers = [("large", bytes(rng.choice(HEADER_BYTES)))] if rng.random() < LARGE else []
            minute += times.choice(SPAN_MINUTES)
            value = _created_at(rng.choice(values), minute - times.choice(EARLIER_MINUTES), times)
            records.append(Record(partition, offset, START_S * 1000, None, value, headers))
            offset += rng.choice([1, 1, 1, 2, 3])
        inputs[partition] = InputLog(records, beginning=beginning, end=offset + rng.randint(0, 2))
    return inputs


def _created_at(value: bytes | None, minute: int, times: random.Random) -> bytes | None:
    """Return a tweet with the time of its creation, which some have not and some have wrong."""
    if value is None or not value.startswith(b"{") or times.random() < 0.1:
        return value
    moment = datetime.fromtimestamp(START_S + 60 * minute, UTC).isoformat()
    text = times.choice([moment] * 20 + ["9999-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "yesterday"])
    return value[:-1] + b',"created_at":"%b"}' % text.encode()
