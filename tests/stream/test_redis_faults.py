"""Redis dies, comes back empty or old, or is tampered with: the stream goes on, and the counts agree again."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.servers import ApacheStack, Stack, eventually, publish, unique_topics
from tests.stream.oracle import Oracle
from tests.stream.programs import StartWorker, verify
from tests.stream.tweets import sample_tweets
from worker.errors import ExitCode

PARTITIONS = 6
DONE_S = 240.0
OUTAGE_S = 8.0
AGREES_S = 60.0

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def mortal(apache_stack: ApacheStack) -> Iterator[ApacheStack]:
    """A stack whose Redis the test may kill; it runs again afterwards."""
    yield apache_stack
    apache_stack.kill_redis()
    apache_stack.start_redis()


def rate_over(oracle: Oracle, seconds: float) -> float:
    """Committed tweets per second over the next seconds."""
    first, started_s = oracle.committed(), time.monotonic()
    eventually(lambda: time.monotonic() - started_s >= seconds, seconds + 5, "the time is over")
    return (oracle.committed() - first) / (time.monotonic() - started_s)


@pytest.mark.slow
def test_the_stream_goes_on_while_redis_is_dead_and_the_counts_agree_when_it_comes_back_empty(
    mortal: ApacheStack, start_worker: StartWorker
) -> None:
    env = unique_topics(mortal, PARTITIONS)
    oracle = Oracle(mortal, env)
    publish(mortal, env["KAFKA_INPUT_TOPIC"], sample_tweets(40_000, partitions=PARTITIONS))
    worker = start_worker(env)
    oracle.wait_until_committed(1_000, DONE_S)

    before = rate_over(oracle, OUTAGE_S)
    mortal.kill_redis()
    during = rate_over(oracle, OUTAGE_S)
    mortal.start_redis()
    after = rate_over(oracle, OUTAGE_S)
    assert worker.metrics()['emotion_counts_published_total{outcome="failed"}'] > 0
    live = verify(env, "--timeout", "30")
    assert worker.terminate() == ExitCode.OK

    oracle.check()
    assert live.code == ExitCode.OK, live
    assert min(during, after) > before / 2, (before, during, after)


def test_a_worker_starts_without_redis_and_the_counts_catch_up(mortal: ApacheStack, start_worker: StartWorker) -> None:
    env = unique_topics(mortal, PARTITIONS)
    oracle = Oracle(mortal, env)
    publish(mortal, env["KAFKA_INPUT_TOPIC"], sample_tweets(1_000, partitions=PARTITIONS))
    mortal.kill_redis()
    worker = start_worker(env)
    oracle.wait_until_done(DONE_S)
    assert verify(env).code == ExitCode.REDIS
    mortal.start_redis()
    oracle.check_all_done(1_000)
    assert worker.exit_code is None
    assert verify(env).code == ExitCode.OK


def test_counts_that_somebody_changed_are_found_and_mended(stack: Stack, start_worker: StartWorker) -> None:
    env = unique_topics(stack, PARTITIONS)
    oracle = Oracle(stack, env)
    publish(stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(600, partitions=PARTITIONS))
    worker = start_worker(env)
    oracle.wait_until_done(DONE_S)
    oracle.check_all_done(600)
    true_totals = oracle.redis_totals()
    assert verify(env).code == ExitCode.OK
    assert worker.terminate() == ExitCode.OK  # a running worker corrects the totals itself

    with oracle.redis() as client:
        client.hincrby(oracle.redis_key("counts"), "joy", 5)
    found = verify(env, "--timeout", "2")
    assert found.code == ExitCode.DIFFERENCE, found
    assert f"joy {true_totals['joy'] + 5} instead of {true_totals['joy']}" in found.out
    findings = json.loads(verify(env, "--timeout", "2", "--json").out)
    assert [each["subject"] for each in findings["findings"] if not each["agrees"]] == ["totals"]

    assert verify(env, "--repair").code == ExitCode.OK
    assert oracle.redis_totals() == true_totals
    worker = start_worker(env)
    publish(stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(600, partitions=PARTITIONS))
    oracle.wait_until_done(DONE_S)
    oracle.check_all_done(1_200)
    assert worker.exit_code is None


def test_a_redis_restored_from_an_older_snapshot_heals_by_itself(stack: Stack, start_worker: StartWorker) -> None:
    env = unique_topics(stack, PARTITIONS)
    oracle = Oracle(stack, env)
    start_worker(env)
    for done in (300, 600):
        publish(stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(300, partitions=PARTITIONS))
        oracle.wait_until_done(DONE_S)
        oracle.check_all_done(done)
        if done == 300:
            snapshot = stored(oracle)
    restore(oracle, snapshot)
    assert stored(oracle) == snapshot
    eventually(lambda: stored(oracle) != snapshot, AGREES_S, "it is told again")
    oracle.check_all_done(600)
    assert verify(env).code == ExitCode.OK


def stored(oracle: Oracle) -> dict[str, dict[str, str]]:
    """The counts, the partitions' counts and the fences."""
    with oracle.redis() as client:
        return {key: client.hgetall(key) for key in map(oracle.redis_key, ("counts", "partitions", "fences"))}


def restore(oracle: Oracle, snapshot: dict[str, dict[str, str]]) -> None:
    """Puts back, in one step, what was stored once."""
    with oracle.redis() as client, client.pipeline() as pipeline:
        for key, fields in snapshot.items():
            pipeline.delete(key)
            pipeline.hset(key, mapping=fields)
        pipeline.execute()
