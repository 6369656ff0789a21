"""Redis stops, restarts empty or old, or is changed by hand: tweets are processed, and the counts agree again."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.servers import ApacheStack, Stack, eventually, publish, unique_topics
from tests.stream.programs import StartWorker, verify
from tests.stream.tweets import sample_tweets
from tests.stream.verifier import Verifier
from worker.errors import ExitCode

PARTITIONS = 6
DONE_S = 240.0
"""Seconds until all tweets of a test must be committed, on a slow and busy machine."""

OUTAGE_S = 8.0
"""Seconds over which a rate is measured, and of the outage of Redis."""

AGREES_S = 60.0
"""Seconds until the counts must be published again: the worker does so every few seconds."""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def mortal(apache_stack: ApacheStack) -> Iterator[ApacheStack]:
    """Return a stack whose Redis the test may kill; Redis runs again afterwards."""
    yield apache_stack
    apache_stack.kill_redis()
    apache_stack.start_redis()


def rate_over(verifier: Verifier, seconds: float) -> float:
    """Measure committed tweets per second over the next seconds."""
    first, started_s = verifier.committed(), time.monotonic()
    eventually(lambda: time.monotonic() - started_s >= seconds, seconds + 5, "the time is over")
    return (verifier.committed() - first) / (time.monotonic() - started_s)


@pytest.mark.slow
def test_tweets_are_processed_while_redis_is_down_and_the_counts_agree_when_it_restarts_empty(
    mortal: ApacheStack, start_worker: StartWorker
) -> None:
    env = unique_topics(mortal, PARTITIONS)
    verifier = Verifier(mortal, env)
    publish(mortal, env["KAFKA_INPUT_TOPIC"], sample_tweets(40_000, partitions=PARTITIONS))
    worker = start_worker(env)
    verifier.wait_until_committed(1_000, DONE_S)

    before = rate_over(verifier, OUTAGE_S)
    backlog = round(3 * OUTAGE_S * before)  # the worker must not run out of tweets while its rate is measured
    publish(mortal, env["KAFKA_INPUT_TOPIC"], sample_tweets(backlog, partitions=PARTITIONS))
    mortal.kill_redis()
    during = rate_over(verifier, OUTAGE_S)
    mortal.start_redis()
    after = rate_over(verifier, OUTAGE_S)
    assert worker.metrics()['emotion_counts_published_total{outcome="failed"}'] > 0
    live = verify(env, "--timeout", "30")
    assert worker.terminate() == ExitCode.OK

    verifier.check()
    assert live.code == ExitCode.OK, live
    assert min(during, after) > before / 2, (before, during, after)


def test_a_worker_starts_without_redis_and_the_counts_catch_up(mortal: ApacheStack, start_worker: StartWorker) -> None:
    env = unique_topics(mortal, PARTITIONS)
    verifier = Verifier(mortal, env)
    publish(mortal, env["KAFKA_INPUT_TOPIC"], sample_tweets(1_000, partitions=PARTITIONS))
    mortal.kill_redis()
    worker = start_worker(env)
    verifier.wait_until_done(DONE_S)
    assert verify(env).code == ExitCode.REDIS
    mortal.start_redis()
    verifier.check_all_done(1_000)
    assert worker.exit_code is None
    assert verify(env).code == ExitCode.OK


@pytest.mark.slow
def test_counts_that_were_changed_by_hand_are_found_and_repaired(stack: Stack, start_worker: StartWorker) -> None:
    env = unique_topics(stack, PARTITIONS)
    verifier = Verifier(stack, env)
    publish(stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(600, partitions=PARTITIONS))
    worker = start_worker(env)
    verifier.wait_until_done(DONE_S)
    verifier.check_all_done(600)
    true_totals = verifier.redis_totals()
    assert verify(env).code == ExitCode.OK
    assert worker.terminate() == ExitCode.OK  # a running worker corrects the totals itself

    with verifier.redis() as client:
        client.hincrby(verifier.redis_key("counts"), "joy", 5)
    found = verify(env, "--json")
    assert found.code == ExitCode.DIFFERENCE, found
    assert f"joy {true_totals['joy'] + 5} instead of {true_totals['joy']}" in found.out
    wrong = [each for each in json.loads(found.out)["findings"] if not each["agrees"]]
    assert [(each["subject"], each["cause"]) for each in wrong] == [("totals", "edited")]

    assert verify(env, "--repair").code == ExitCode.OK
    assert verifier.redis_totals() == true_totals
    worker = start_worker(env)
    publish(stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(600, partitions=PARTITIONS))
    verifier.wait_until_done(DONE_S)
    verifier.check_all_done(1_200)
    assert worker.exit_code is None


def test_a_redis_restored_from_an_older_snapshot_has_the_right_counts_soon(
    stack: Stack, start_worker: StartWorker
) -> None:
    env = unique_topics(stack, PARTITIONS)
    verifier = Verifier(stack, env)
    start_worker(env)
    for done in (300, 600):
        publish(stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(300, partitions=PARTITIONS))
        verifier.wait_until_done(DONE_S)
        verifier.check_all_done(done)
        if done == 300:
            snapshot = stored(verifier)
    restore(verifier, snapshot)
    assert stored(verifier) == snapshot
    eventually(lambda: stored(verifier) != snapshot, AGREES_S, "the counts are published again")
    verifier.check_all_done(600)
    assert verify(env).code == ExitCode.OK


def stored(verifier: Verifier) -> dict[str, dict[str, str]]:
    """Return the totals, the counts of each partition and the fences."""
    with verifier.redis() as client:
        return {key: client.hgetall(key) for key in map(verifier.redis_key, ("counts", "partitions", "fences"))}


def restore(verifier: Verifier, snapshot: dict[str, dict[str, str]]) -> None:
    """Restore a snapshot in one transaction."""
    with verifier.redis() as client, client.pipeline() as pipeline:
        for key, fields in snapshot.items():
            pipeline.delete(key)
            pipeline.hset(key, mapping=fields)
        pipeline.execute()
