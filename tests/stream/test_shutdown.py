"""SIGTERM at odd moments: the worker always ends well and soon, and the next one finishes the work."""

import time
from collections.abc import Callable

import pytest

from tests.servers import Stack, WorkerProcess, eventually, publish, unique_topics
from tests.stream.oracle import Oracle
from tests.stream.programs import StartWorker
from tests.stream.tweets import sample_tweets
from worker.errors import ExitCode

PARTITIONS = 6
TWEETS = 3_000
DONE_S = 120.0
MOMENT_S = 60.0
ENDED_S = 10.0

pytestmark = pytest.mark.timeout(600)


def says(words: str) -> Callable[[WorkerProcess], bool]:
    """A moment: the worker's log holds these words."""
    return lambda worker: words in worker.log


def works(worker: WorkerProcess) -> bool:
    """A moment: batch follows batch."""
    return worker.metrics().total("emotion_transactions_total") >= 2 if says("metrics on")(worker) else False


MOMENTS: dict[str, Callable[[WorkerProcess], bool]] = {
    "start-up": says("KAFKA_BOOTSTRAP_SERVERS"),
    "model load": says("metrics on"),
    "connecting": says("model "),
    "joining": says("consuming"),
    "mid-batch": works,
}


def test_sigterm_at_odd_moments_ends_a_worker_with_0_and_loses_and_doubles_nothing(
    stack: Stack, start_worker: StartWorker
) -> None:
    env = unique_topics(stack, PARTITIONS)
    oracle = Oracle(stack, env)
    publish(stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(TWEETS, partitions=PARTITIONS))

    endings = {name: ending_at(moment, start_worker(env)) for name, moment in MOMENTS.items()}
    endings["rebalance"] = ending_amid_a_rebalance(env, start_worker)
    oracle.check()
    last = start_worker(env)
    oracle.wait_until_done(DONE_S)
    oracle.check_all_done(TWEETS)
    endings["idle"] = ending(last)

    assert {name: code for name, (code, _) in endings.items()} == dict.fromkeys(endings, ExitCode.OK)
    assert max(seconds for _, seconds in endings.values()) < ENDED_S, endings
    assert "Traceback" not in last.log
    assert len(oracle.check_all_done(TWEETS).labelled) == TWEETS


def ending_at(moment: Callable[[WorkerProcess], bool], worker: WorkerProcess) -> tuple[int, float]:
    eventually(lambda: moment(worker), MOMENT_S, "the moment has come")
    return ending(worker)


def ending_amid_a_rebalance(env: dict[str, str], start_worker: StartWorker) -> tuple[int, float]:
    """Ends a working member while another joins; returns the worse of both endings."""
    first, second = start_worker(env), start_worker(env)
    eventually(lambda: "consuming" in second.log, MOMENT_S, "the second one joins")
    endings = [ending(first)]
    second.wait_ready(MOMENT_S)
    endings.append(ending(second))
    return max(endings)


def ending(worker: WorkerProcess) -> tuple[int, float]:
    """Sends SIGTERM; returns the exit code and the seconds until the end."""
    asked_s = time.monotonic()
    code = worker.terminate(2 * ENDED_S)
    return code, time.monotonic() - asked_s
