"""The metrics of a worker on real servers."""

import subprocess
import urllib.request

import pytest
from confluent_kafka import Producer

from tests.installed import installed
from tests.servers import ApacheStack, Stack, WorkerProcess, eventually, publish, unique_topics
from tests.stream.programs import StartWorker
from tests.stream.tweets import sample_tweets
from tests.stream.verifier import Verifier
from tweets.emotions import EMOTIONS
from worker.errors import ExitCode

PARTITIONS = 4
DONE_S = 120.0
"""Seconds until all tweets of a test must be committed, on a slow and busy machine."""

SETTLED_S = 60.0
"""Seconds until a group must have settled after a change: the embedded Kafka may take half of them."""


def exposition(worker: WorkerProcess, path: str = "metrics") -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/{path}", timeout=10) as response:
        content: bytes = response.read()
        return content


def lag_gauges(worker: WorkerProcess) -> set[str]:
    """Return the partitions whose lag is in the metrics of the worker."""
    shown = [key for key in worker.metrics() if key.startswith("emotion_consumer_lag{")]
    return {key.partition('partition="')[2].partition('"')[0] for key in shown}


def test_three_thousand_tweets_are_counted_as_three_thousand(stack: Stack, start_worker: StartWorker) -> None:
    env = unique_topics(stack, PARTITIONS)
    verifier = Verifier(stack, env)
    publish(stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(3_000, partitions=PARTITIONS))
    worker = start_worker(env)
    verifier.wait_until_done(DONE_S)
    verifier.check_all_done(3_000)

    totals = verifier.redis_totals()
    metrics = worker.metrics()
    assert metrics.total("emotion_tweets_classified_total") == 3_000
    assert metrics.total("emotion_tweets_consumed_total") == 3_000
    assert metrics.total("emotion_end_to_end_seconds_count") == 3_000
    assert metrics.total("emotion_batch_tweets_sum") == 3_000
    assert metrics.total("emotion_tweets_dead_lettered_total") == 0
    by_emotion = {name: metrics[f'emotion_tweets_classified_total{{emotion="{name}"}}'] for name in EMOTIONS}
    assert {name: count for name, count in by_emotion.items() if count} == totals
    eventually(
        lambda: all(worker.metrics()[lag_key(env, number)] == 0 for number in range(PARTITIONS)),
        SETTLED_S,
        "no partition lags",
    )


def test_the_marker_of_a_producers_transaction_is_no_lag(apache_stack: ApacheStack, start_worker: StartWorker) -> None:
    env = unique_topics(apache_stack, 1)
    producer = Producer({"bootstrap.servers": apache_stack.bootstrap, "transactional.id": env["KAFKA_GROUP_ID"]})
    producer.init_transactions(DONE_S)
    producer.begin_transaction()
    producer.produce(env["KAFKA_INPUT_TOPIC"], b'{"text": "so happy"}')
    producer.commit_transaction(DONE_S)
    worker = start_worker(env)
    eventually(lambda: worker_consumed(worker) == 1, DONE_S, "the tweet is committed")
    eventually(lambda: worker.metrics()[lag_key(env, 0)] == 0, SETTLED_S, "nothing lags")


def worker_consumed(worker: WorkerProcess) -> float:
    """Return the consumed tweets; 0 until the worker answers."""
    try:
        return worker.metrics().total("emotion_tweets_consumed_total")
    except OSError:
        return 0


def lag_key(env: dict[str, str], number: int) -> str:
    return f'emotion_consumer_lag{{partition="{number}",topic="{env["KAFKA_INPUT_TOPIC"]}"}}'


@pytest.mark.slow  # the embedded Kafka takes half a minute to share partitions again
def test_the_lag_of_a_partition_is_shown_by_its_owner_only(stack: Stack, start_worker: StartWorker) -> None:
    env = unique_topics(stack, PARTITIONS)
    verifier = Verifier(stack, env)
    everything = {str(number) for number in range(PARTITIONS)}
    publish(stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(100, partitions=PARTITIONS))
    first = start_worker(env)
    verifier.wait_until_done(DONE_S)
    eventually(lambda: lag_gauges(first) == everything, SETTLED_S, "the first one shows every partition")

    second = start_worker(env)
    eventually(lambda: len(lag_gauges(first)) == PARTITIONS // 2, SETTLED_S, "the first one gives up half of them")
    publish(stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(100, partitions=PARTITIONS))
    verifier.wait_until_done(DONE_S)
    eventually(lambda: lag_gauges(second) == everything - lag_gauges(first), SETTLED_S, "the second one shows the rest")
    assert first.metrics().total("emotion_rebalances_total") >= 2

    assert first.terminate() == ExitCode.OK
    eventually(lambda: lag_gauges(second) == everything, SETTLED_S, "the second one shows every partition")
    verifier.check_all_done(200)


def test_prometheus_own_tool_accepts_the_metrics(stack: Stack, start_worker: StartWorker) -> None:
    promtool = installed("promtool", package="prometheus")
    env = unique_topics(stack, PARTITIONS)
    verifier = Verifier(stack, env)
    publish(stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(200, partitions=PARTITIONS))
    worker = start_worker(env)
    verifier.wait_until_done(DONE_S)
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=exposition(worker), capture_output=True, check=False, timeout=60
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
    assert exposition(worker, "healthz") == b"ok\n"
    assert exposition(worker, "readyz") == b"ready\n"
