"""The promise, checked at both ends of the stream, the offset metadata and Redis, without the worker's code."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import redis
from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from chaos.stream.committed_offsets import GroupOffset, fetch_positions
from tests.servers import Message, Stack, eventually, read_committed
from tests.stream.tweets import fields
from tweets.emotions import NEUTRAL
from tweets.headers import INPUT_TIMESTAMP

CLIENT_S = 30.0
"""Seconds that a request of the tests' own clients may take."""

REDIS_AGREES_S = 60.0
"""How long Redis may take to agree after the last commit."""

Fold = Mapping[int, Counter[str]]
"""For each partition, how many tweets got each emotion."""


_NO_COORDINATOR_YET: Final = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)


@dataclass(frozen=True, slots=True)
class Kept:
    """The records on the output topics of a stream that kept its promise."""

    labelled: list[Message]
    dead: list[Message]


class Verifier:
    """Verifies one stream; `env` is the environment of its workers."""

    def __init__(self, stack: Stack, env: Mapping[str, str]) -> None:
        self._stack = stack
        self._group = env["KAFKA_GROUP_ID"]
        self._input = env["KAFKA_INPUT_TOPIC"]
        self._output = env["KAFKA_OUTPUT_TOPIC"]
        self._dead_letters = env["KAFKA_DEAD_LETTER_TOPIC"]
        self._checkpoint_topic = env["KAFKA_CHECKPOINT_TOPIC"]
        self._prefix = env["REDIS_KEY_PREFIX"]
        self._redis_url = env["REDIS_URL"]
        self._admin = AdminClient({"bootstrap.servers": stack.bootstrap})

    # Progress

    def positions(self) -> dict[int, GroupOffset]:
        """Return the committed offset of each partition in which the group has committed."""
        return fetch_positions(self._stack.bootstrap, self._group, self._input, len(self._numbers(self._input)))

    def committed(self, partitions: Iterable[int] | None = None) -> int:
        """Count the input records that are committed, in all partitions or in these."""
        positions = self.positions()
        numbers = positions if partitions is None else partitions
        return sum(positions[number].offset for number in numbers if number in positions)

    def owned_by(self, instance_id: str) -> set[int]:
        """Return the partitions that the group has assigned to a static member."""
        (future,) = self._admin.describe_consumer_groups([self._group]).values()
        return {
            partition.partition
            for member in future.result(CLIENT_S).members
            if member.group_instance_id == instance_id
            for partition in member.assignment.topic_partitions
        }

    def members(self) -> int:
        """Count the members of the group; 0 while the group has no coordinator yet."""
        (future,) = self._admin.describe_consumer_groups([self._group]).values()
        try:
            return len(future.result(CLIENT_S).members)
        except KafkaException as error:
            if error.args[0].code() in _NO_COORDINATOR_YET:
                return 0
            raise

    def wait_until_committed(self, count: int, deadline_s: float) -> None:
        """Return once `count` input records are committed."""
        eventually(lambda: self.committed() >= count, deadline_s, f"{count} records are committed")

    def wait_until_done(self, deadline_s: float) -> None:
        """Return once every input record is committed."""
        ends = self._ends(self._input)
        done = sum(ends.values())
        eventually(lambda: self.committed() >= done, deadline_s, f"all {done} records are committed")

    # The promise

    def check(self) -> Kept:
        """Assert the promise for all that the group has committed.

        Each committed input record is exactly once on one of the output topics, under its own key, headers and
        partition and in its order; the counts in the offset metadata equal the fold of the labels; no transaction is
        open; and within REDIS_AGREES_S Redis equals that fold too. Call it when no worker commits any more.
        """
        self._wait_for_open_transactions()
        positions = self.positions()
        arrived = [
            record
            for record in read_committed(self._stack, self._input)
            if record.partition in positions and (record.offset or 0) < positions[record.partition].offset
        ]
        kept = Kept(read_committed(self._stack, self._output), read_committed(self._stack, self._dead_letters))
        buried = {(letter.partition, dead_offset(letter)) for letter in kept.dead}
        living = [record for record in arrived if (record.partition, record.offset) not in buried]

        assert [dead_offset(letter) for letter in kept.dead] == [
            record.offset for record in arrived if (record.partition, record.offset) in buried
        ], "dead letters are lost, doubled or out of order"
        assert_same([_promised(record, self._input) for record in living], [_delivered(each) for each in kept.labelled])
        self._check_counts(positions, fold(kept.labelled))
        return kept

    def check_all_done(self, expected: int) -> Kept:
        """Assert as `check` does, and that all `expected` input records are committed."""
        assert self.committed() == expected
        return self.check()

    def redis_totals(self) -> dict[str, int]:
        """Return the total of each emotion in Redis."""
        with self.redis() as client:
            stored = client.hgetall(f"{self._prefix}:counts")
        return {name: int(count) for name, count in stored.items() if int(count)}

    def redis(self) -> Any:
        """Return a client of the workers' Redis, to be used in a `with`."""
        return redis.Redis.from_url(self._redis_url, decode_responses=True)

    def redis_key(self, name: str) -> str:
        """Return the full name of one of the stream's keys in Redis."""
        return f"{self._prefix}:{name}"

    def wait_until_redis_agrees(self, expected: Fold, deadline_s: float = REDIS_AGREES_S) -> None:
        """Return once Redis holds this fold, in total and in each partition."""
        wanted = (_sum(expected), {self._field(number): dict(each) for number, each in expected.items() if each})
        eventually(lambda: self._redis_counts() == wanted, deadline_s, f"Redis holds {wanted}")

    def _check_counts(self, positions: Mapping[int, GroupOffset], expected: Fold) -> None:
        counts = {number: json.loads(position.metadata)["counts"] for number, position in positions.items()}
        nonzero = {number: each for number, each in counts.items() if each}
        assert nonzero == expected, "the counts in the offset metadata differ from the labels"
        for number, (offset, copied) in self._checkpoints().items():
            same = offset == positions[number].offset and copied == counts[number]
            assert same, f"the checkpoint topic has {copied} @{offset} for {positions[number]}"
        self.wait_until_redis_agrees(expected)

    def _checkpoints(self) -> dict[int, tuple[int, dict[str, int]]]:
        """Return offset and counts of each partition whose state is on the checkpoint topic."""
        keys = {f"{self._group}|{self._input}|{number}".encode() for number in self._numbers(self._input)}
        found = [record for record in read_committed(self._stack, self._checkpoint_topic) if record.key in keys]
        states = {record.partition: json.loads(record.value or b"") for record in found}
        return {number or 0: (state["offset"], state["counts"]) for number, state in states.items()}

    def _redis_counts(self) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
        with self.redis() as client:
            totals = client.hgetall(f"{self._prefix}:counts")
            partitions = client.hgetall(f"{self._prefix}:partitions")
        counts = {field: json.loads(stored) for field, stored in partitions.items()}
        return (
            {name: int(count) for name, count in totals.items() if int(count)},
            {field: nonzero for field, count in counts.items() if (nonzero := {k: v for k, v in count.items() if v})},
        )

    def _field(self, partition: int) -> str:
        return f"{self._group}|{self._input}|{partition}"

    def _wait_for_open_transactions(self) -> None:
        """Wait until the broker has ended the transactions that killed workers left open."""
        for topic in (self._output, self._dead_letters):
            eventually(
                lambda topic=topic: (
                    self._ends(topic, IsolationLevel.READ_COMMITTED) == self._ends(topic)  # type: ignore[misc]
                ),
                60,
                f"no transaction is open on {topic}",
            )

    def _numbers(self, topic: str) -> list[int]:
        return sorted(self._admin.list_topics(topic, timeout=CLIENT_S).topics[topic].partitions)

    def _ends(self, topic: str, isolation: IsolationLevel = IsolationLevel.READ_UNCOMMITTED) -> dict[int, int]:
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        asked = {TopicPartition(topic, number): latest for number in self._numbers(topic)}
        answers = self._admin.list_offsets(asked, isolation_level=isolation, request_timeout=CLIENT_S)
        return {partition.partition: future.result(CLIENT_S).offset for partition, future in answers.items()}


def dead_offset(letter: Message) -> int:
    """Return the input offset that a dead letter names."""
    return int(dict(letter.headers)["__connect.errors.offset"] or b"-1")


def reason(letter: Message) -> str:
    """Return the reason of a dead letter: the first word of its message."""
    return (dict(letter.headers)["__connect.errors.exception.message"] or b"").decode().partition(":")[0]


def fold(labelled: Iterable[Message]) -> dict[int, Counter[str]]:
    """Count the labels, partition by partition."""
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for message in labelled:
        counts[message.partition or 0][fields(message)["emotion"]] += 1
    return dict(counts)


def assert_same(expected: list[Any], found: list[Any]) -> None:
    """Assert that two long lists are equal, and shows only where they first differ."""
    differing = next((n for n, pair in enumerate(zip(expected, found, strict=False)) if pair[0] != pair[1]), None)
    near = slice(None) if differing is None else slice(max(0, differing - 1), differing + 2)
    where = "the shorter one ends first" if differing is None else f"first difference at {differing}"
    message = f"{len(found)} instead of {len(expected)}, {where}: {found[near][:3]} instead of {expected[near][:3]}"
    assert (differing, len(found)) == (None, len(expected)), message


def _promised(record: Message, topic: str) -> tuple[object, ...]:
    """Return the fields that the labelled tweet of an input record must have."""
    tweet = fields(record)
    given, label = tweet.get("id"), tweet.get("label")
    name = str(given) if isinstance(given, str | int) and given else f"{topic}-{record.partition}-{record.offset}"
    carried = label if isinstance(label, str) else None
    headers = (*_sendable(record), (INPUT_TIMESTAMP, str(record.timestamp_ms).encode()))
    return (record.partition, name, _utf8(tweet["text"]), carried, record.key, headers)


def _delivered(record: Message) -> tuple[object, ...]:
    tweet = fields(record)
    assert abs(sum(tweet["scores"].values()) - 1) < 1e-4
    if tweet["emotion"] == NEUTRAL and NEUTRAL not in tweet["scores"]:
        assert tweet["confidence"] == tweet["neutral"]
    else:
        assert tweet["confidence"] == max(tweet["scores"].values()) == tweet["scores"][tweet["emotion"]]
    return (record.partition, tweet["id"], tweet["text"], tweet.get("label"), record.key, record.headers)


def _sendable(record: Message) -> tuple[tuple[str, bytes], ...]:
    """Return the headers with an empty content where there is none, as they arrive."""
    return tuple((name, content or b"") for name, content in record.headers)


def _utf8(text: str) -> str:
    """Replace half of a surrogate pair, which has no UTF-8 form, by a question mark."""
    return text.encode("utf-8", "replace").decode()


def _sum(counts: Fold) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts.values():
        total.update(each)
    return dict(total)
