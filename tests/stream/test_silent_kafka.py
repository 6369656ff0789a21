"""A Kafka that does not answer is visible on idle workers, one of which owns no partition."""

import time
import urllib.error
import urllib.request

import pytest

from tests.servers import ApacheStack, WorkerProcess, eventually, publish, unique_topics
from tests.stream.programs import StartWorker, started
from tests.stream.tweets import sample_tweets
from worker import time_limits

SILENCE = "emotion_kafka_silent_seconds"
IDLE_S = 12.0
"""Longer than two look-ups of metadata, the rarest answers to a consumer."""

NOTICED_S = time_limits.KAFKA_SILENT.seconds + 6
"""Seconds after the freeze in which workers must not be ready any more."""

SETTLED_S = 90.0
"""Seconds until workers must be ready, or have labelled a few tweets, on a slow and busy machine."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def answer(worker: WorkerProcess, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}{path}", timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def partitions(worker: WorkerProcess) -> int:
    return sum(name.startswith("emotion_consumer_lag{") for name in worker.metrics())


def longest_silence_s(workers: list[WorkerProcess], seconds: float) -> float:
    """Return the longest silence that the workers show in so many seconds."""
    shown: list[float] = []
    end_s = time.monotonic() + seconds

    def watched() -> bool:
        shown.extend(worker.metrics()[SILENCE] for worker in workers)
        return time.monotonic() > end_s

    eventually(watched, 2 * seconds + 1, "the workers were watched")
    return max(shown)


def are_ready(workers: list[WorkerProcess]) -> bool:
    return all(answer(worker, "/readyz") == (200, "ready\n") for worker in workers)


def is_silent(worker: WorkerProcess) -> bool:
    status, body = answer(worker, "/readyz")
    return status == 503 and "no broker of Kafka at 127.0.0.1:" in body


def test_idle_workers_are_not_ready_while_kafka_does_not_answer(
    apache_stack: ApacheStack, start_worker: StartWorker
) -> None:
    env = unique_topics(apache_stack, 1)
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(20, partitions=1))
    workers = [started(env, start_worker) for _ in range(2)]
    eventually(lambda: sorted(map(partitions, workers)) == [0, 1], SETTLED_S, "one worker has the only partition")
    eventually(lambda: are_ready(workers), SETTLED_S, "the group has settled")
    assert longest_silence_s(workers, IDLE_S) < time_limits.METADATA_MAX_AGE.seconds + time_limits.REQUEST.seconds

    with apache_stack.frozen_kafka():
        eventually(lambda: all(map(is_silent, workers)), NOTICED_S, "both workers report a silent Kafka")
        for worker in workers:
            assert worker.metrics()[SILENCE] > time_limits.KAFKA_SILENT.seconds
            assert answer(worker, "/healthz") == (200, "ok\n")

    eventually(lambda: are_ready(workers), SETTLED_S, "both workers are ready again")
    assert longest_silence_s(workers, 0) < time_limits.KAFKA_SILENT.seconds
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(20, partitions=1))
    consumed = "emotion_tweets_consumed_total"
    eventually(lambda: sum(each.metrics()[consumed] for each in workers) == 40, SETTLED_S, "all tweets are labelled")
