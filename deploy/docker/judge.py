"""The judge of the smoke test: reads Kafka and Redis from inside of a container, and says whether the promise was kept.

It is fed to the Python of a worker's image, so it needs nothing but the worker and its clients.
"""

import argparse
import json
import re
import socket
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from typing import Any

import redis
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient

from worker.settings import Settings, load_settings

WAIT_S = 120.0
LOOK_AGAIN_AFTER_S = 0.5
METRICS = "http://127.0.0.1:8000/metrics"
CLASSIFIED = re.compile(r"^emotion_tweets_classified_total\{.*\} (\S+)$", re.MULTILINE)

Members = dict[str, list[int]]
"""A worker's WORKER_ID, which is its container's host name, and the partitions that the group gave it."""


def main() -> None:
    """Run one command; what is found goes to standard output as one JSON object, what is wrong ends the program."""
    options = _options()
    settings = load_settings()
    match options.command:
        case "members":
            json.dump(_wait_for_members(settings, options.workers), sys.stdout)
        case "wait":
            _wait_for_commits(settings, options.committed)
        case _:
            json.dump(_check(settings, options.tweets, json.loads(options.before)), sys.stdout)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("members").add_argument("--workers", type=int, required=True)
    commands.add_parser("wait").add_argument("--committed", type=int, required=True)
    check = commands.add_parser("check")
    check.add_argument("--tweets", type=int, required=True)
    check.add_argument("--before", required=True, help="what `members` printed before a worker was killed")
    return parser.parse_args()


def _wait_for_members(settings: Settings, workers: int) -> Members:
    """Return the members once the whole input topic is spread over so many."""
    for _ in _moments(f"{workers} workers share the partitions"):
        members = _members(settings)
        if len(members) == workers and all(members.values()) and sum(map(len, members.values())) == 12:
            return members
    raise AssertionError


def _wait_for_commits(settings: Settings, count: int) -> None:
    for _ in _moments(f"{count} tweets are committed"):
        if _committed(settings) >= count:
            return


def _check(settings: Settings, tweets: int, before: Members) -> dict[str, Any]:
    """Compare both ends of the stream and Redis; this runs in the container that was killed."""
    sent = _ids(settings, settings.kafka_input_topic)
    labelled = _ids(settings, settings.kafka_output_topic)
    dead = _ids(settings, settings.kafka_dead_letter_topic)
    _must(len(sent) == tweets and len(set(sent)) == tweets, f"{len(sent)} tweets were sent, not {tweets}")
    _must(not dead, f"{len(dead)} tweets are dead letters")
    _must(Counter(labelled) == Counter(sent), f"{len(set(sent) - set(labelled))} lost, {_doubled(labelled)} doubled")
    _must(_committed(settings) == tweets, "the committed offsets do not stand at the end")
    counts = _redis_counts(settings)
    _must(sum(counts.values()) == tweets, f"Redis counts {sum(counts.values())} tweets")
    _must(_members(settings) == before, f"the partitions moved: {before} before, {_members(settings)} now")
    own, classified = _own_name(), _classified_since_the_start()
    _must(classified > 0, "the worker that was started again has classified nothing")
    restarted = {"worker_id": own, "partitions": before[own], "classified_since": classified}
    return {
        "tweets": tweets,
        "labelled": len(labelled),
        "lost": 0,
        "doubled": 0,
        "counts": counts,
        "restarted": restarted,
    }


def _ids(settings: Settings, topic: str) -> list[str]:
    """Return the id of every record that is committed on a topic."""
    consumer = KafkaConsumer(
        **settings.kafka_connection(),
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        allow_auto_create_topics=False,
    )
    try:
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        ids = []
        for _ in _moments(f"{topic} is read to its end"):
            for records in consumer.poll(timeout_ms=1000).values():
                ids += [json.loads(record.value)["id"] for record in records]
            if all(consumer.position(partition) >= ends[partition] for partition in partitions):
                return ids
        raise AssertionError
    finally:
        consumer.close()


def _members(settings: Settings) -> Members:
    group = settings.kafka_group_id
    admin = KafkaAdminClient(**settings.kafka_connection())
    try:
        described = admin.describe_groups([group])[group]
    finally:
        admin.close()
    return {
        member["group_instance_id"]: sorted(
            number for topic in member["member_assignment"]["assigned_partitions"] for number in topic["partitions"]
        )
        for member in described["members"]
    }


def _committed(settings: Settings) -> int:
    """Return how many input records the group has committed."""
    group = settings.kafka_group_id
    admin = KafkaAdminClient(**settings.kafka_connection())
    try:
        return sum(at.offset for at in admin.list_group_offsets({group: None})[group].values())
    finally:
        admin.close()


def _redis_counts(settings: Settings) -> dict[str, int]:
    with redis.Redis.from_url(settings.redis_url.get_secret_value(), decode_responses=True) as client:
        stored = client.hgetall(f"{settings.redis_key_prefix}:counts")
    return {emotion: int(count) for emotion, count in stored.items()}


def _classified_since_the_start() -> int:
    with urllib.request.urlopen(METRICS, timeout=5) as answer:
        return sum(int(float(count)) for count in CLASSIFIED.findall(answer.read().decode()))


def _own_name() -> str:
    return socket.gethostname()


def _doubled(ids: list[str]) -> int:
    return len(ids) - len(set(ids))


def _moments(what: str) -> Iterator[None]:
    deadline_s = time.monotonic() + WAIT_S
    while time.monotonic() < deadline_s:
        yield
        time.sleep(LOOK_AGAIN_AFTER_S)
    sys.exit(f"not within {WAIT_S:g} s: {what}")


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        sys.exit(otherwise)


if __name__ == "__main__":
    main()
