"""Workers are killed under load: every tweet still comes out once, in order, and every count agrees."""

import logging
import os
import signal
import time
from collections.abc import Sequence

import pytest

from tests.servers import ApacheStack, Stack, WorkerProcess, eventually, publish, unique_topics
from tests.stream.programs import StartWorker, verify
from tests.stream.tweets import sample_tweets
from tests.stream.verifier import Verifier
from worker.errors import ExitCode

log = logging.getLogger(__name__)

PARTITIONS = 12
DONE_S = 180.0
"""Seconds until all tweets of a test must be committed, on a slow and busy machine."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def tweets_for(stack: Stack) -> int:
    return 20_000 if stack.kind == "apache" else 6_000


def test_a_killed_worker_is_replaced_and_every_tweet_comes_out_once(
    apache_stack: ApacheStack, start_worker: StartWorker
) -> None:
    # The embedded Kafka never removes a member that was killed; only a member with its instance id replaces it.
    stack = apache_stack
    env = unique_topics(stack, PARTITIONS)
    verifier, total = Verifier(stack, env), tweets_for(stack)
    publish(stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(total, partitions=PARTITIONS))
    workers = [start_worker(env) for _ in range(3)]

    verifier.wait_until_committed(3_000, DONE_S)
    workers[0].kill()
    start_worker(env)

    verifier.wait_until_done(DONE_S)
    assert len(verifier.check_all_done(total).labelled) == total
    agreed = verify(env)
    assert agreed.code == ExitCode.OK, agreed


def test_a_killed_worker_that_restarts_with_its_worker_id_commits_again_before_its_session_ends(
    stack: Stack, start_worker: StartWorker
) -> None:
    # Small batches: on a slow processor the first commit after the restart would otherwise measure the model alone.
    env = unique_topics(stack, PARTITIONS) | {"BATCH_MAX_TWEETS": "64", "KAFKA_SESSION_TIMEOUT_MS": "120000"}
    verifier, total = Verifier(stack, env), tweets_for(stack)
    workers = [start_worker(env | {"WORKER_ID": f"worker-{number}"}) for number in range(3)]
    let_join_together(workers)
    for worker in workers:
        worker.wait_ready()
    shared = PARTITIONS // len(workers)
    eventually(lambda: len(verifier.owned_by("worker-1")) == shared, DONE_S, "the partitions are shared evenly")
    publish(stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(total, partitions=PARTITIONS))

    verifier.wait_until_committed(3_000, DONE_S)
    partitions = verifier.owned_by("worker-1")
    workers[1].kill()
    before = verifier.committed(partitions)
    restarted_s = time.monotonic()
    start_worker(env | {"WORKER_ID": "worker-1"})
    eventually(lambda: verifier.committed(partitions) > before, 60, "its partitions move again")
    log.info("%.1f s from the restart to the next commit", time.monotonic() - restarted_s)

    verifier.wait_until_done(DONE_S)
    assert len(verifier.check_all_done(total).labelled) == total
    agreed = verify(env)
    assert agreed.code == ExitCode.OK, agreed
    assert verifier.owned_by("worker-1") == partitions


def let_join_together(workers: Sequence[WorkerProcess]) -> None:
    """Hold each worker before it joins until all have come so far.

    The embedded Kafka waits for 30 s when a member joins a group whose members have partitions already.
    """
    for worker in workers:
        eventually(lambda worker=worker: "metrics on" in worker.log, 60, "the worker has started")  # type: ignore[misc]
        os.kill(worker.pid, signal.SIGSTOP)
    for worker in workers:
        os.kill(worker.pid, signal.SIGCONT)
