"""SIGTERM at odd moments: the worker always ends with 0 and soon, and the next worker processes the rest."""

import time
from collections.abc import Callable

import pytest

from tests.servers import Stack, WorkerProcess, eventually, publish, unique_topics
from tests.stream.programs import StartWorker
from tests.stream.tweets import sample_tweets
from tests.stream.verifier import Verifier
from worker.errors import ExitCode

PARTITIONS = 6
TWEETS = 3_000
DONE_S = 120.0
"""Seconds until all tweets of a test must be committed, on a slow and busy machine."""

MOMENT_S = 60.0
"""Seconds until a worker must have reached the moment at which a test ends it."""

ENDED_S = 10.0
"""Seconds in which a worker must end after SIGTERM: containers have a grace period of more than ten."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def logged(words: str) -> Callable[[WorkerProcess], bool]:
    """Return the moment at which these words are in the worker's log."""
    return lambda worker: words in worker.log


def works(worker: WorkerProcess) -> bool:
    """Return whether the worker has committed two batches."""
    return worker.metrics().total("emotion_transactions_total") >= 2 if logged("metrics on")(worker) else False


MOMENTS: dict[str, Callable[[WorkerProcess], bool]] = {
    "start-up": logged("KAFKA_BOOTSTRAP_SERVERS"),
    "model load": logged("metrics on"),
    "connecting": logged("model "),
    "joining": logged("consuming"),
    "mid-batch": works,
}


def test_sigterm_at_odd_moments_ends_a_worker_with_0_and_loses_and_doubles_nothing(
    stack: Stack, start_worker: StartWorker
) -> None:
    env = unique_topics(stack, PARTITIONS)
    verifier = Verifier(stack, env)
    publish(stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(TWEETS, partitions=PARTITIONS))

    endings = {name: ending_at(moment, start_worker(env)) for name, moment in MOMENTS.items()}
    endings["rebalance"] = ending_amid_a_rebalance(env, start_worker)
    verifier.check()
    last = start_worker(env)
    verifier.wait_until_done(DONE_S)
    verifier.check_all_done(TWEETS)
    endings["idle"] = ending(last)

    assert {name: code for name, (code, _) in endings.items()} == dict.fromkeys(endings, ExitCode.OK)
    assert max(seconds for _, seconds in endings.values()) < ENDED_S, endings
    assert "Traceback" not in last.log
    assert len(verifier.check_all_done(TWEETS).labelled) == TWEETS


def ending_at(moment: Callable[[WorkerProcess], bool], worker: WorkerProcess) -> tuple[int, float]:
    eventually(lambda: moment(worker), MOMENT_S, "the moment has come")
    return ending(worker)


def ending_amid_a_rebalance(env: dict[str, str], start_worker: StartWorker) -> tuple[int, float]:
    """End a working member while another joins; return the worse of both endings."""
    first, second = start_worker(env), start_worker(env)
    eventually(lambda: "consuming" in second.log, MOMENT_S, "the second one joins")
    endings = [ending(first)]
    second.wait_ready(MOMENT_S)
    endings.append(ending(second))
    return max(endings)


def ending(worker: WorkerProcess) -> tuple[int, float]:
    """Send SIGTERM; return the exit code and the seconds until the end."""
    asked_s = time.monotonic()
    code = worker.terminate(2 * ENDED_S)
    return code, time.monotonic() - asked_s
