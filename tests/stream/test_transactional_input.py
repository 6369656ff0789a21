"""Input from transactional producers: page, worker and Kafka's own tools show the same lag, 0 when all is committed."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import pytest
from confluent_kafka import Producer

from dashboard.lag import LagClock
from dashboard.offsets_reader import OffsetsReader
from tests.servers import (
    ApacheStack,
    Message,
    WorkerProcess,
    eventually,
    publish,
    read_committed,
    settings_of,
    unique_topics,
)
from tests.stream.programs import StartWorker, verify
from tests.stream.test_deleted_records import delete_before
from tests.stream.tweets import sample_tweets
from tests.stream.verifier import Verifier
from worker.errors import ExitCode

PARTITIONS: Final = 2
DONE_S: Final = 60.0

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]


class Transactions:
    """A transactional producer of the input topic."""

    def __init__(self, env: Mapping[str, str], name: str = "input") -> None:
        self._topic = env["KAFKA_INPUT_TOPIC"]
        self._producer = Producer(
            {"bootstrap.servers": env["KAFKA_BOOTSTRAP_SERVERS"], "transactional.id": f"{name}-{self._topic}"}
        )
        self._producer.init_transactions(DONE_S)

    def begin(self, records: Iterable[Message]) -> None:
        self._producer.begin_transaction()
        for record in records:
            self._producer.produce(self._topic, record.value, record.key, record.partition or 0)
        self._producer.flush(DONE_S)

    def commit(self) -> None:
        self._producer.commit_transaction(DONE_S)

    def abort(self) -> None:
        self._producer.abort_transaction(DONE_S)


def page_lag(env: Mapping[str, str]) -> int:
    with OffsetsReader(settings_of(env)) as reader:
        offsets = reader.read()
    assert offsets.committed is not None
    return LagClock().measure(time.time(), ends=offsets.input_ends, committed=offsets.committed).records


def worker_lag(worker: WorkerProcess) -> float:
    return worker.metrics().total("emotion_consumer_lag")


def test_the_lag_ends_when_all_transactions_are_committed(apache_stack: ApacheStack, start_worker: StartWorker) -> None:
    env = unique_topics(apache_stack, PARTITIONS)
    producer, verifier = Transactions(env), Verifier(apache_stack, env)
    for _ in range(5):
        producer.begin(sample_tweets(20, partitions=PARTITIONS))
        producer.commit()
    worker = start_worker(env)
    verifier.wait_until_done(DONE_S)  # as kafka-consumer-groups: the committed offsets equal the ends
    eventually(lambda: page_lag(env) == worker_lag(worker) == 0, DONE_S, "page and worker show no lag")
    producer.begin(sample_tweets(3, partitions=1))
    producer.commit()
    verifier.wait_until_done(DONE_S)
    eventually(lambda: page_lag(env) == worker_lag(worker) == 0, DONE_S, "page and worker show no lag again")
    assert len(read_committed(apache_stack, env["KAFKA_OUTPUT_TOPIC"])) == 103
    assert verify(env).code == ExitCode.OK
    assert worker.terminate() == ExitCode.OK


def test_aborted_records_are_no_lag(apache_stack: ApacheStack, start_worker: StartWorker) -> None:
    env = unique_topics(apache_stack, PARTITIONS)
    producer, verifier = Transactions(env), Verifier(apache_stack, env)
    producer.begin(sample_tweets(20, partitions=PARTITIONS))
    producer.commit()
    producer.begin(sample_tweets(50, partitions=PARTITIONS))
    producer.abort()
    worker = start_worker(env)
    verifier.wait_until_done(DONE_S)
    eventually(lambda: page_lag(env) == worker_lag(worker) == 0, DONE_S, "page and worker show no lag")
    assert len(read_committed(apache_stack, env["KAFKA_OUTPUT_TOPIC"])) == 20
    assert verify(env).code == ExitCode.OK


def test_records_of_an_open_transaction_are_no_lag_until_its_commit(
    apache_stack: ApacheStack, start_worker: StartWorker
) -> None:
    env = unique_topics(apache_stack, PARTITIONS)
    producer, verifier = Transactions(env), Verifier(apache_stack, env)
    worker = start_worker(env)
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(10, partitions=1))
    verifier.wait_until_done(DONE_S)
    producer.begin(sample_tweets(50, partitions=1))
    probe = Transactions(env, "probe")
    for number in (1, 2):
        # An idle worker commits the offset after the aborted record and its marker, and then shows the lag of every
        # partition. The fetch that passed over the marker has also brought the end of partition 0.
        probe.begin([Message(b"{}", partition=1)])
        probe.abort()
        eventually(
            lambda at=2 * number: verifier.committed([1]) == at,  # type: ignore[misc]
            DONE_S,
            "the worker has passed over the marker",
        )
        assert (page_lag(env), worker_lag(worker)) == (0, 0)
    producer.commit()
    verifier.wait_until_done(DONE_S)
    eventually(lambda: page_lag(env) == worker_lag(worker) == 0, DONE_S, "page and worker show no lag")
    assert len(read_committed(apache_stack, env["KAFKA_OUTPUT_TOPIC"])) == 60


@pytest.mark.parametrize("committed", [True, False], ids=["group committed", "new group"])
def test_deleted_records_are_no_lag_of_the_page(
    apache_stack: ApacheStack, start_worker: Callable[..., WorkerProcess], committed: bool
) -> None:
    env = unique_topics(apache_stack, 1)
    if committed:
        publish(apache_stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(10, partitions=1))
        worker = start_worker(env)
        Verifier(apache_stack, env).wait_until_done(DONE_S)
        worker.terminate()
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(100, partitions=1))
    delete_before(env, 60)
    assert page_lag(env) == (50 if committed else 40)
