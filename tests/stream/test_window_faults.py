"""Killed workers and a Redis that loses data: every minute, hour and day equals a fold of the output topic.

Kafka, Redis and the workers are real; only the model answers at once, so that the faults meet full load. The full size
(100,000 tweets, ten kills, and a worker that freezes until others have committed its tweets) is run with FAULTS=full.
"""

import json
import logging
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

import pytest

from chaos.servers.redis_servers import RedisServers
from chaos.stream.period_fold import Hashes, PeriodFold, stored_periods
from tests.servers import ApacheStack, Message, WorkerProcess, eventually, publish, unique_topics
from tests.stream.dated_tweets import dated_tweets, write_subjects
from tests.stream.programs import verify
from tests.stream.tweets import fields
from tests.stream.verifier import Verifier
from worker.errors import ExitCode

log = logging.getLogger(__name__)

Fault = Literal["kill", "freeze", "wipe", "fail over"]

PARTITIONS: Final = 12
USED: Final = tuple(number for number in range(PARTITIONS) if number not in (4, 11))
WORKERS: Final = 3

DONE_S: Final = 120.0
"""Seconds until the tweets of one part must be committed, on a slow and busy machine."""

AGREES_S: Final = 120.0
"""Within this Redis has the closed periods again after a wipe."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800)]


@dataclass(frozen=True)
class Size:
    """How many tweets, and which faults: the faults of one entry follow each other at once."""

    tweets: int
    batch_tweets: int
    faults: Sequence[Sequence[Fault]]


KILL: Final[Sequence[Fault]] = ["kill"]
SMALL: Final = Size(15_000, 25, (KILL, ["wipe", "kill"], KILL, ["fail over"], KILL))
FULL: Final = Size(
    100_000,
    50,
    (KILL, KILL, ["wipe", "kill"], KILL, KILL, ["fail over", "kill"], KILL, ["freeze"], KILL, KILL, KILL),
)


class StartProgram(Protocol):
    """The fixture `start_worker`, with its options."""

    def __call__(self, env: dict[str, str], *options: str, module: str) -> WorkerProcess: ...


class Fleet:
    """Three workers; two come back under their own WORKER_ID, the last one as a new member of the group."""

    def __init__(self, start: StartProgram, env: dict[str, str]) -> None:
        self._start_program = start
        self._env = env
        self.workers = [self._start(number) for number in range(WORKERS)]
        for worker in self.workers:
            worker.wait_ready()
        self.kills = 0

    def kill_one(self) -> None:
        """Kill one worker after the other with SIGKILL, and start it again at once."""
        number = self.kills % WORKERS
        self.workers[number].kill()
        self.workers[number] = self._start(number)
        self.kills += 1

    def freeze_last(self, until: Callable[[], None]) -> None:
        """Stop the last worker, which keeps what it has not published to Redis yet; continue it after `until`."""
        os.kill(self.workers[-1].pid, signal.SIGSTOP)
        until()
        os.kill(self.workers[-1].pid, signal.SIGCONT)

    def late_tweets(self) -> int:
        """Return what the metrics of these processes count."""
        return int(sum(worker.metrics().total("emotion_late_tweets_total") for worker in self.workers))

    def _start(self, number: int) -> WorkerProcess:
        name = {} if number == WORKERS - 1 else {"WORKER_ID": f"worker-{number}"}
        return self._start_program(self._env | name, "--engine", "instant", module="benchmarks.worker_program")


@dataclass
class Stream:
    """A stream whose periods are compared with the fold of its output."""

    stack: ApacheStack
    env: dict[str, str]
    redis: RedisServers
    verifier: Verifier
    published: int = 0

    def publish(self, tweets: Sequence[Message]) -> None:
        publish(self.stack, self.env["KAFKA_INPUT_TOPIC"], tweets)
        self.published += len(tweets)

    def cause(self, fault: Fault, fleet: Fleet) -> None:
        left, started_s = self.published - self.verifier.committed(), time.monotonic()
        if fault == "kill":
            fleet.kill_one()
        elif fault == "freeze":
            fleet.freeze_last(until=lambda: self.verifier.wait_until_done(DONE_S))
        elif fault == "wipe":
            self.redis.wipe()
        else:
            lacks = self.redis.fail_over()
            assert lacks > 0
            log.info("the new master lacks the last %d bytes of the stream of writes", lacks)
        took_s = time.monotonic() - started_s
        log.info("%s in %.1f s at %d tweets, of which %d were not committed yet", fault, took_s, self.published, left)

    def agreed(self) -> PeriodFold:
        """Assert the promise for everything published, wait until Redis equals the fold, and return the fold."""
        self.verifier.wait_until_done(DONE_S)
        output = self.verifier.check_all_done(self.published).labelled
        assert all(
            sorted(fields(each).get("topics", [])) == json.loads(dict(each.headers)["subjects"] or b"")
            for each in output
        )
        fold = fold_periods(output)
        self.wait_until_redis_has(fold)
        return fold

    def wait_until_redis_has(self, fold: PeriodFold) -> None:
        started_s = time.monotonic()
        try:
            eventually(lambda: self.stored() == fold.kept(), AGREES_S, "Redis has all periods")
        except AssertionError:
            assert self.stored() == fold.kept()  # shows where they differ
        log.info("Redis agrees with the fold after %.1f s", time.monotonic() - started_s)

    def stored(self) -> Hashes:
        with self.verifier.redis() as client:
            return stored_periods(client, self.env["REDIS_KEY_PREFIX"])

    def assert_verified(self) -> None:
        ended = verify(self.env, "--timeout", "60", "--json")
        assert ended.code == ExitCode.OK, ended
        findings = json.loads(ended.out)["findings"]
        assert not any(finding["subject"] == "periods not compared" for finding in findings)

    def totals_without_period(self) -> int:
        """Return how many tweets Redis counts in the totals and in no day."""
        in_days = sum(sum(counts.values()) for key, counts in self.stored().items() if key.startswith("day:"))
        return sum(self.verifier.redis_totals().values()) - in_days


@pytest.fixture
def stream(apache_stack: ApacheStack, tmp_path: Path) -> Iterator[Stream]:
    with closing(RedisServers(tmp_path / "redis")) as redis:
        env = unique_topics(apache_stack, PARTITIONS) | {
            "REDIS_URL": redis.url,
            "TOPICS_FILE": str(write_subjects(tmp_path)),
            "KAFKA_SESSION_TIMEOUT_MS": "10000",
        }
        yield Stream(apache_stack, env, redis, Verifier(apache_stack, env))


def fold_periods(output: Sequence[Message]) -> PeriodFold:
    """Count the records of the output topic, each partition in its own order."""
    found = PeriodFold()
    for record in sorted(output, key=lambda record: (record.partition or 0, record.offset or 0)):
        found.add(record.partition or 0, fields(record), dict(record.headers))
    return found


def test_every_kept_period_equals_the_fold_of_the_output(stream: Stream, start_worker: StartProgram) -> None:
    size = FULL if os.environ.get("FAULTS") == "full" else SMALL
    tweets = dated_tweets(size.tweets, partitions=USED, seed=size.tweets)
    part = len(tweets) // (len(size.faults) + 1)
    fleet = Fleet(start_worker, stream.env | {"BATCH_MAX_TWEETS": str(size.batch_tweets)})
    for faults in size.faults:
        before = stream.published
        stream.publish(tweets[before : before + part])
        stream.verifier.wait_until_committed(before + part // 20, DONE_S)
        assert stream.verifier.committed() < stream.published, "the faults meet no load"
        for fault in faults:
            stream.cause(fault, fleet)
    faulty = stream.agreed()
    counted = fleet.late_tweets()

    stream.publish(tweets[stream.published :])
    fold = stream.agreed()
    assert fleet.late_tweets() - counted == fold.late - faulty.late, (
        "without a fault the metric counts every late tweet"
    )
    assert stream.totals_without_period() == fold.late
    assert 0.03 * size.tweets < fold.late < 0.12 * size.tweets
    assert fold.in_several_subjects > 0.2 * size.tweets
    assert fold.expired() > 0
    stream.assert_verified()

    stream.redis.wipe()
    stream.wait_until_redis_has(fold)
    stream.assert_verified()
    assert [worker.terminate() for worker in fleet.workers] == [ExitCode.OK] * WORKERS
    assert stream.stored() == fold.kept()
    stream.assert_verified()
    log.info(
        "%d tweets, %d kills: %d keys of periods equal, %d late, %d in several tweet topics, %d keys expired",
        *(stream.published, fleet.kills, len(fold.kept()), fold.late, fold.in_several_subjects, fold.expired()),
    )
