"""The judge of the smoke test: compare Kafka's input, Kafka's output and Redis from inside a worker's container.

smoke.sh pipes this file into the Python of a worker's image, which has only the worker and its clients. The judge makes
its Kafka consumer and reads records with code of its own on purpose: a fault in the worker's code must not hide itself.
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

from worker.kafka.connection import connection_arguments
from worker.settings import Settings, load_settings

#: The partitions that the service `topics` creates.
PARTITIONS = 12

#: Longest wait for a condition; the slowest is a rebalance after the session time-out of smoke.yml.
WAIT_S = 120.0

#: Interval between two looks at a condition.
LOOK_AGAIN_AFTER_S = 0.5

METRICS = "http://127.0.0.1:8000/metrics"
CLASSIFIED = re.compile(r"^emotion_tweets_classified_total\{.*\} (\S+)$", re.MULTILINE)

Members = dict[str, list[int]]
"""WORKER_ID, which is the host name of the worker's container → the partitions that the worker owns."""


def main() -> None:
    """Run one command: print the result as one JSON object, or exit with 1 and a line on stderr."""
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
    check.add_argument("--before", required=True, help="output of `members` before a worker was killed")
    return parser.parse_args()


def _wait_for_members(settings: Settings, workers: int) -> Members:
    """Return the group members once `workers` members own all partitions of the input topic."""
    for _ in _attempts(f"{workers} workers share the partitions"):
        members = _members(settings)
        if len(members) == workers and all(members.values()) and sum(map(len, members.values())) == PARTITIONS:
            return members
    raise AssertionError


def _wait_for_commits(settings: Settings, count: int) -> None:
    for _ in _attempts(f"{count} tweets are committed"):
        if _committed(settings) >= count:
            return


def _check(settings: Settings, tweets: int, before: Members) -> dict[str, Any]:
    """Compare input, output and Redis; this runs in the container of the killed worker."""
    sent = _ids(settings, settings.kafka_input_topic)
    labelled = _ids(settings, settings.kafka_output_topic)
    dead = _ids(settings, settings.kafka_dead_letter_topic)
    _require(
        len(sent) == tweets and len(set(sent)) == tweets,
        f"{len(sent)} tweets are on the input topic, expected {tweets}",
    )
    _require(not dead, f"{len(dead)} tweets became dead letters")
    _require(
        Counter(labelled) == Counter(sent),
        f"{len(set(sent) - set(labelled))} tweets lost, {_duplicates(labelled)} duplicated",
    )
    _require(_committed(settings) == tweets, "the committed offsets are not at the end of the input topic")
    counts = _redis_counts(settings)
    _require(sum(counts.values()) == tweets, f"Redis counts {sum(counts.values())} tweets, expected {tweets}")
    _require(_members(settings) == before, f"the partitions moved: {before} before, {_members(settings)} now")
    own, classified = _own_worker_id(), _classified_since_the_start()
    _require(classified > 0, "the restarted worker has classified no tweet")
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
        **connection_arguments(settings),
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
        for _ in _attempts(f"{topic} is read to its end"):
            for records in consumer.poll(timeout_ms=1000).values():
                ids += [json.loads(record.value)["id"] for record in records]
            if all(consumer.position(partition) >= ends[partition] for partition in partitions):
                return ids
        raise AssertionError
    finally:
        consumer.close()


def _members(settings: Settings) -> Members:
    group = settings.kafka_group_id
    admin = KafkaAdminClient(**connection_arguments(settings))
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
    """Return the number of input records that the group has committed."""
    group = settings.kafka_group_id
    admin = KafkaAdminClient(**connection_arguments(settings))
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


def _own_worker_id() -> str:
    return socket.gethostname()


def _duplicates(ids: list[str]) -> int:
    return len(ids) - len(set(ids))


def _attempts(what: str) -> Iterator[None]:
    deadline_s = time.monotonic() + WAIT_S
    while time.monotonic() < deadline_s:
        yield
        time.sleep(LOOK_AGAIN_AFTER_S)
    sys.exit(f"timed out after {WAIT_S:g} s: {what}")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        sys.exit(otherwise)


if __name__ == "__main__":
    main()
