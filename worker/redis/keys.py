"""The keys in Redis: name, type, what a key holds and why the key exists; docs/reference.md is made from it."""

import re
from typing import Final, NamedTuple

from tweets.periods import ALL, Period
from tweets.records import Partition


class RedisKey(NamedTuple):
    """One kind of key; `name` follows REDIS_KEY_PREFIX and a colon. A hash has `field` → `value`."""

    name: str
    kind: str
    field: str
    value: str
    meaning: str


PARTITION_FIELD: Final = "group|topic|partition"
_PARTITION_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,9}")

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
    "Deprecated, to be removed in the next release: read `minute:<unix minute>`. The growth that was published in one "
    "minute of Unix time, kept for 24 hours. The sum is exact, the minute is that of the publication.",
)
UNFINISHED: Final = RedisKey(
    "unfinished",
    "hash",
    "minute, base:emotion",
    "Unix minute, total at its beginning",
    "Exists only after a publish script has failed between two writes. The next publish reads the key, completes the "
    "counts of that minute and deletes the key.",
)
PERIODS: Final = tuple(
    RedisKey(
        f"{name}:<unix {name}>",
        "hash",
        "emotion",
        "labelled tweets",
        f"The tweets of one {name} of event time, in UTC: `<unix {name}>` counts the {name}s since 1970. Exact for "
        f"every {name} that is kept, whatever fails. {kept}",
    )
    for name, kept in (
        ("minute", "Kept for `WINDOW_KEEP_HOURS` after its end."),
        ("hour", "Kept for 90 days after its end."),
        ("day", "Kept for two years after its end."),
    )
)
SUBJECT_PERIODS: Final = RedisKey(
    "topic:<name>:minute:<unix minute>",
    "hash",
    "emotion",
    "labelled tweets",
    "The tweets of one minute that belong to a tweet topic; `topic:<name>:hour:` and `topic:<name>:day:` likewise. "
    "Kept as long as the same period of all tweets.",
)
CONTRIBUTIONS: Final = RedisKey(
    "windows:<minute, hour or day>:<number>",
    "hash",
    PARTITION_FIELD,
    "generation:offset, a space, and a JSON object tweet topic → emotion → labelled tweets; the tweet topic of all "
    "tweets is empty",
    "What each input partition has contributed to a period, up to a committed offset. The hashes of the period are the "
    "sums over all fields. Older contributions are stale and are not stored. Kept as long as the period.",
)
PUBLISHED: Final = RedisKey(
    "windows:published",
    "hash",
    PARTITION_FIELD,
    "generation:offset",
    "Everything that is committed up to this offset is in the periods that are kept. The offset -1 means that the "
    "owner of the partition is publishing all kept periods again. A worker that finds another value than its own "
    "knows that Redis has lost data.",
)
SUBJECTS: Final = RedisKey(
    "topics",
    "hash",
    "tweet topic",
    "Unix second",
    "Every tweet topic that is in `TOPICS_FILE` or has tweets in a kept day, and since when it is counted; since its "
    "first tweet after Redis has lost the key.",
)
KEYS: Final = (
    COUNTS,
    PARTITIONS,
    FENCES,
    MINUTE_COUNTS,
    UNFINISHED,
    *PERIODS,
    SUBJECT_PERIODS,
    CONTRIBUTIONS,
    PUBLISHED,
    SUBJECTS,
)


def period_name(subject: str, period: Period) -> str:
    """Return the name of the key with the counts of a subject in a period."""
    of_period = f"{period.unit}:{period.number}"
    return of_period if subject == ALL else f"topic:{subject}:{of_period}"


def contributions_name(period: Period) -> str:
    """Return the name of the key with the contributions of all partitions to a period."""
    return f"windows:{period.unit}:{period.number}"


def partition_of(field: str, group: str, topic: str) -> Partition | None:
    """Return the partition of a field in a hash; None if the field is of another group or Kafka topic."""
    name, _, number = field.rpartition(f"|{topic}|")
    return Partition(topic, int(number)) if name == group and _PARTITION_NUMBER.fullmatch(number) else None
