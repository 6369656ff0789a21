"""What the tests of dead letters share: records that no worker can label, replays, and what a replay has sent."""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from deploy.local.children import Child
from tests.servers import Message, Stack, eventually, publish, read_committed
from tests.stream.programs import StartWorker, run_program, started
from tests.stream.tweets import fields
from tests.stream.verifier import CLIENT_S, Verifier, assert_same
from tweets.headers import INPUT_TIMESTAMP
from tweets.replayed import ROUND, TWEET_ID
from worker.errors import ExitCode

PARTITIONS = 12
DONE_S = 120.0
"""Seconds until all records of a test must be committed, on a slow and busy machine."""


def bad_tweets(count: int, *, partitions: int = PARTITIONS) -> list[Message]:
    """Return records that a worker with TWEET_MAX_CHARS=20 cannot label; every third has an id of its own."""
    records = []
    for number in range(count):
        value, key = _VALUES[number % 3].format(number), None if number % 4 == 0 else f"key-{number}".encode()
        headers = (("index", str(number).encode()),)
        records.append(Message(value.encode(), key, headers, number // 3 % partitions))
    return records


_VALUES = (
    '{{"text": "I have waited for this day so long, tweet {0}"}}',
    "{0} is not JSON",
    '{{"text": "what a sad and lonely evening it was", "id": "own-{0}"}}',
)


def bury(stack: Stack, env: Mapping[str, str], records: Sequence[Message], start_worker: StartWorker) -> list[Message]:
    """Send the records, let a worker make dead letters of all of them, and return the records with their offsets."""
    publish(stack, env["KAFKA_INPUT_TOPIC"], records)
    arrived = read_committed(stack, env["KAFKA_INPUT_TOPIC"])
    worker = started(env, start_worker, TWEET_MAX_CHARS="20")
    Verifier(stack, env).wait_until_done(DONE_S)
    assert worker.terminate() == ExitCode.OK
    assert len(read_committed(stack, env["KAFKA_DEAD_LETTER_TOPIC"])) == len(records)
    return arrived


def replay(env: Mapping[str, str], *options: str) -> dict[str, int]:
    """Run a replay to its end, and return what has become of the dead letters, without zeros."""
    ended = run_program(env, "dead-letters", "replay", "--json", *options)
    assert (ended.code, ended.err) == (ExitCode.OK, ""), ended
    found = json.loads(ended.out)
    return {name: count for name, count in found.items() if type(count) is int and count and name != "letters"}


_WITH_CHUNKS = """
import sys
import worker.kafka.dead_letters
from worker.__main__ import main

worker.kafka.dead_letters.CHUNK_RECORDS = int(sys.argv[1])
sys.exit(main(sys.argv[2:]))
"""


@contextmanager
def running_replay(env: Mapping[str, str], log: Path, *, chunk: int = 50) -> Iterator[Child]:
    """Start a replay that may be killed or stopped, and ends with the block.

    A transaction has up to `chunk` dead letters. By default it takes many of them, so that a replay is not over before
    the test has seen its beginning.
    """
    command = [sys.executable, "-c", _WITH_CHUNKS, str(chunk), "dead-letters", "replay", "--yes"]
    child = Child("replay", command, env={**os.environ, **env}, log=log, stop_s=5)
    try:
        yield child
    finally:
        child.kill()
        eventually(lambda: child.exit_code is not None, 10, "the replay has ended")


class InputTopic:
    """The input topic of a stream, as far as anything was written to it."""

    def __init__(self, stack: Stack, topic: str, partitions: int = PARTITIONS) -> None:
        self._stack = stack
        self.topic = topic
        self._admin = AdminClient({"bootstrap.servers": stack.bootstrap})
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        self._asked = {TopicPartition(topic, number): latest for number in range(partitions)}

    def written(self) -> int:
        """Return how many records and markers were written, of open transactions too."""
        return self._ends(IsolationLevel.READ_UNCOMMITTED)

    def is_readable(self) -> bool:
        """Return whether no open transaction stops readers of committed records."""
        return self._ends(IsolationLevel.READ_COMMITTED) == self.written()

    def _ends(self, isolation: IsolationLevel) -> int:
        answers = self._admin.list_offsets(self._asked, isolation_level=isolation, request_timeout=CLIENT_S)
        return sum(future.result(CLIENT_S).offset for future in answers.values())

    def wait_until_written(self, least: int, child: Child, deadline_s: float = 60) -> bool:
        """Return True as soon as so much is written, False if the child has ended before; ask as often as possible."""
        end_s = time.monotonic() + deadline_s
        while child.exit_code is None:
            if self.written() >= least:
                return True
            assert time.monotonic() < end_s, f"less than {least} records after {deadline_s:g} s"
        return False

    def replayed(self) -> list[Message]:
        """Return the committed records that a replay has sent."""
        return [each for each in read_committed(self._stack, self.topic) if ROUND in dict(each.headers)]


def expected_of(record: Message, topic: str) -> tuple[object, ...]:
    """Return what the replayed record must have of its original, and the id where the original has none."""
    own = (record.value or b"").startswith(b'{"text"') and "id" in fields(record)
    kept = None if own else f"{topic}-{record.partition}-{record.offset}".encode()
    return record.partition, record.key, record.value, record.headers, kept


def found_of(record: Message) -> tuple[object, ...]:
    headers = tuple(each for each in record.headers if each[0] not in (TWEET_ID, ROUND, INPUT_TIMESTAMP))
    return record.partition, record.key, record.value, headers, dict(record.headers).get(TWEET_ID)


def assert_each_once(found: list[Message], originals: list[Message], topic: str) -> None:
    """Assert that every original came once, in the order of its partition, and that each is in its first round."""
    assert {dict(each.headers)[ROUND] for each in found} == {b"1"}
    assert_same([expected_of(each, topic) for each in originals], [found_of(each) for each in found])
