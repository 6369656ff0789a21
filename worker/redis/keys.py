"""The keys in Redis: name, type, what a key holds and why the key exists; docs/reference.md is made from it."""

from typing import Final, NamedTuple


class RedisKey(NamedTuple):
    """One kind of key; `name` follows REDIS_KEY_PREFIX and a colon. A hash has `field` → `value`."""

    name: str
    kind: str
    field: str
    value: str
    meaning: str


PARTITION_FIELD: Final = "group|topic|partition"

COUNTS: Final = RedisKey(
    "counts",
    "hash",
    "emotion",
    "labelled tweets",
    "The totals over all partitions of all groups under one prefix. Dashboards and the live page read this key.",
)
PARTITIONS: Final = RedisKey(
    "partitions",
    "hash",
    PARTITION_FIELD,
    "JSON object emotion → labelled tweets",
    "The running counts of each input partition, as committed in Kafka. A new value replaces the old value. The totals "
    "are the sums over all fields.",
)
FENCES: Final = RedisKey(
    "fences",
    "hash",
    PARTITION_FIELD,
    "generation:offset",
    "The generation of the group and the committed offset that the running counts belong to. Older counts are stale "
    "and are not stored.",
)
MINUTE_COUNTS: Final = RedisKey(
    "counts:minute:",
    "hash",
    "emotion",
    "growth of the total",
    "The growth that was published in one minute of Unix time, kept for 24 hours. The sum is exact, the minute is "
    "that of the publication.",
)
UNFINISHED: Final = RedisKey(
    "unfinished",
    "hash",
    "minute, base:emotion",
    "Unix minute, total at its beginning",
    "Exists only after a publish script has failed between two writes. The next publish reads the key, completes the "
    "counts of that minute and deletes the key.",
)
KEYS: Final = (COUNTS, PARTITIONS, FENCES, MINUTE_COUNTS, UNFINISHED)
