"""The feeder and the verifier beside a real worker, on a stream that keeps its promise and on one that does not."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import pytest
import redis
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]
from confluent_kafka.cimpl import TopicPartition

from chaos.stream.feeder import Feeder
from chaos.stream.tweets import TWEET, TweetSource
from chaos.stream.unusual import BOMB_RECORDS, NO_TWEETS, POISON
from chaos.stream.verdict import Verdict
from chaos.stream.verifier import StreamVerifier
from chaos.stream_names import StreamNames
from tests.servers import ApacheStack, Stack, WorkerProcess, eventually, unique_topics
from worker.errors import ExitCode

SEED: Final = 15
PARTITIONS: Final = 3
DONE_S: Final = 120.0
POISON_SHARE: Final = 0.05


class StartProgram(Protocol):
    """The fixture `start_worker`, with its options."""

    def __call__(self, env: Mapping[str, str], *options: str, module: str) -> WorkerProcess: ...


@dataclass
class Run:
    """A feeder and a verifier on topics of their own; `records` are fed in all."""

    stack: Stack
    env: dict[str, str]
    records: int
    stop: ExitStack
    feeding: Mapping[str, Any] | None = None
    reading: Mapping[str, Any] | None = None
    redis_agrees_s: float = 60
    before_bomb: list[Mapping[str, Any]] = field(default_factory=list)
    """The feeder's state before each bomb."""
    names: StreamNames = field(init=False)
    feeder: Feeder = field(init=False)
    verifier: StreamVerifier = field(init=False)

    def __post_init__(self) -> None:
        env = self.env
        self.names = StreamNames(
            input=env["KAFKA_INPUT_TOPIC"],
            output=env["KAFKA_OUTPUT_TOPIC"],
            dead_letters=env["KAFKA_DEAD_LETTER_TOPIC"],
            checkpoints=env["KAFKA_CHECKPOINT_TOPIC"],
            group=env["KAFKA_GROUP_ID"],
            redis_prefix=env["REDIS_KEY_PREFIX"],
            partitions=PARTITIONS,
        )
        self.feeder = Feeder(
            self.stack.bootstrap,
            self.names,
            SEED,
            allowed=lambda: min(self.records, self.verifier.total + 5_000),
            poison_share=POISON_SHARE,
            state=self.feeding,
            before_bomb=lambda: self.before_bomb.append(self.feeder.state()),
        )
        self.verifier = StreamVerifier(
            self.stack.bootstrap,
            self.names,
            SEED,
            self.feeder,
            redis=self.redis,
            poison_share=POISON_SHARE,
            redis_agrees_s=self.redis_agrees_s,
        )
        if self.reading is not None:
            self.verifier.restore(self.reading)

    def start(self) -> None:
        self.verifier.start()
        self.stop.callback(self.verifier.stop)
        self.feeder.start()
        self.stop.callback(self.feeder.stop)

    def redis(self) -> Any:
        return redis.Redis.from_url(self.stack.redis_url, decode_responses=True)

    def finish(self) -> Verdict:
        eventually(lambda: self.feeder.total >= self.records, DONE_S, "everything is fed")
        self.feeder.stop()
        return self.verifier.finish(DONE_S)


@pytest.fixture
def stop() -> Iterator[ExitStack]:
    with ExitStack() as stopped:
        yield stopped


def start_instant_worker(start_worker: StartProgram, env: Mapping[str, str]) -> WorkerProcess:
    return start_worker(env, "--engine", "instant", module="benchmarks.worker_program")


def test_a_stream_with_poison_keeps_its_promise(
    embedded_stack: Stack, start_worker: StartProgram, stop: ExitStack
) -> None:
    run = Run(embedded_stack, unique_topics(embedded_stack, PARTITIONS), 6_000, stop)
    run.feeder.poison(3 * len(POISON))
    run.start()
    start_instant_worker(start_worker, run.env)
    found = run.finish()
    assert found.broken == []
    assert (found.fed, found.stuck) == (6_000, 0)
    dead = sum(found.dead_letters.values())
    assert (found.labelled + dead, dead > 3 * (len(NO_TWEETS) - 1)) == (6_000, True)


def test_a_run_that_is_resumed_counts_on_where_it_was_saved(
    apache_stack: ApacheStack, start_worker: StartProgram, stop: ExitStack
) -> None:
    env = unique_topics(apache_stack, PARTITIONS)
    first = Run(apache_stack, env, 3_000, stop)
    first.start()
    first.feeder.send_bomb(1)
    worker = start_instant_worker(start_worker, env)
    eventually(lambda: first.verifier.total >= 1_500, DONE_S, "half of the records are verified")
    saved: dict[str, Any] = json.loads(json.dumps({"reading": first.verifier.state(), "feeding": first.before_bomb[0]}))
    first.verifier.keep(saved["reading"])
    first.verifier.trim()
    assert first_offsets(apache_stack, first.names.output) != [0] * PARTITIONS
    eventually(lambda: first.feeder.total >= first.records, DONE_S, "everything is fed")
    first.feeder.stop()
    first.verifier.stop()

    second = Run(apache_stack, env, 6_000, stop, **saved)
    second.start()
    found = second.finish()
    assert found.broken == []
    assert 6_000 <= found.fed <= 6_000 + BOMB_RECORDS
    assert found.dead_letters["unreadable"] == BOMB_RECORDS
    second.verifier.trim(kept_input=0)
    assert sum(first_offsets(apache_stack, first.names.input)) == found.fed
    assert worker.terminate() == ExitCode.OK


def test_what_is_broken_by_hand_is_found(embedded_stack: Stack, start_worker: StartProgram, stop: ExitStack) -> None:
    run = Run(embedded_stack, unique_topics(embedded_stack, PARTITIONS), 600, stop, redis_agrees_s=2)
    run.start()
    worker = start_instant_worker(start_worker, run.env)
    eventually(lambda: run.verifier.total >= 600, DONE_S, "everything is verified")
    assert worker.terminate() == ExitCode.OK
    send_twice(embedded_stack, run)
    with run.redis() as client:
        client.hincrby(f"{run.names.redis_prefix}:counts", "joy", 5)
    found = run.finish()
    assert (found.doubled, found.lost, found.checkpoint_difference) == (1, 0, 0)
    assert found.redis_difference == 4 + 1, "the total has four too many, the running counts of a partition lack one"
    assert found.offsets_difference == 1, "the metadata lacks the doubled tweet"
    assert [sentence.split()[0].rstrip(":") for sentence in found.broken] == ["doubled", "Redis", "the"]


def send_twice(stack: Stack, run: Run) -> None:
    """Add a labelled tweet of partition 1 once more."""
    source = TweetSource(SEED, poison_share=POISON_SHARE)
    number = next(number for number in range(1, 100) if source.expected(1, number)[0] == TWEET)
    fed = source.record(1, number)
    assert fed.key is not None
    tweet = {"id": fed.key.decode(), "text": fed.text, "emotion": "joy", "classified_at": "2026-03-01T12:00:00.000Z"}
    headers = [*fed.headers, ("emotion.input.timestamp", b"1772366400000")]
    producer = Producer({"bootstrap.servers": stack.bootstrap})
    producer.produce(run.names.output, json.dumps(tweet).encode(), fed.key, 1, headers=list(headers))
    assert producer.flush(30) == 0


def first_offsets(stack: Stack, topic: str) -> list[int]:
    admin = AdminClient({"bootstrap.servers": stack.bootstrap})
    earliest = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
    asked = {TopicPartition(topic, partition): earliest for partition in range(PARTITIONS)}
    return [future.result(30).offset for future in admin.list_offsets(asked).values()]
