"""Tweets with a time and with tweet topics of their own: out of order, late, from 1970 and 9999, or without a time."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tests.servers import Message
from tests.stream.tweets import fields, sample_tweets

SUBJECTS = """
topics:
  - {name: brand-x, terms: ["#brandx", brand x]}
  - {name: brand-y, terms: ["@brandy_official"]}
  - {name: night-trains, terms: [sleeper service, nachtzug]}
  - {name: cats, terms: [猫]}
  - {name: unused, terms: [quokkaball]}
"""

ENDINGS: Sequence[tuple[str, set[str]]] = (
    ("", set()),
    (" #BrandX", {"brand-x"}),
    (" brand x, @brandy_official", {"brand-x", "brand-y"}),
    (" on the Sleeper Service", {"night-trains"}),
    (" 黒猫が好き #brandx Nachtzug", {"brand-x", "night-trains", "cats"}),
    (" brandxy quokka", set()),
)
"""What the texts of the tweets end in, and the tweet topics that they have then."""

HOUR_S = 3600.0
SPAN_S = 8 * HOUR_S
"""Over so long the tweets were written, up to now."""

SHUFFLED_S = 50 * 60
LATE_SHARE = 0.05
OLD_SHARE = 0.03
"""So many of the first tweets are of a time whose minutes are not kept any more."""

OLD_S = 52 * HOUR_S
RECENT_SHARE = 0.02
"""So many of the last tweets may be without a time or from 9999: such a tweet counts at the time of its prediction."""


def write_subjects(folder: Path) -> Path:
    """Write the topics file and return its path."""
    path = folder / "topics.yaml"
    path.write_text(SUBJECTS, encoding="utf-8")
    return path


def dated_tweets(number: int, *, partitions: Sequence[int], seed: int) -> list[Message]:
    """Return tweets, spread evenly over these partitions, each with the header `subjects`: what it must be counted in.

    `created_at` is shuffled within 50 minutes, and of 5 % of the tweets hours too old.
    """
    rng = random.Random(seed)
    now_s = datetime.now(UTC).timestamp()
    return [
        _dated(message, index / number, now_s, rng, partitions[index % len(partitions)])
        for index, message in enumerate(sample_tweets(number, partitions=1))
    ]


def _dated(message: Message, progress: float, now_s: float, rng: random.Random, partition: int) -> Message:
    tweet = fields(message)
    ending, subjects = rng.choice(ENDINGS)
    tweet["text"] += ending
    age_s = OLD_S if progress < OLD_SHARE else SPAN_S * (1 - progress)
    age_s += rng.uniform(0, SHUFFLED_S)
    if rng.random() < LATE_SHARE:
        age_s += rng.uniform(2, 9) * HOUR_S
    tweet["created_at"] = datetime.fromtimestamp(now_s - age_s, UTC).isoformat(timespec="milliseconds")
    wrong = rng.random()
    if wrong < 0.002:
        tweet["created_at"] = "1970-01-01T00:00:00Z"
    elif progress > 1 - RECENT_SHARE and wrong < 0.1:
        tweet["created_at"] = rng.choice([None, "yesterday", "9999-12-31T23:59:59Z"])
    header = ("subjects", json.dumps(sorted(subjects)).encode())
    value = json.dumps(tweet, ensure_ascii=False).encode()
    return replace(message, value=value, partition=partition, headers=(*message.headers, header))
