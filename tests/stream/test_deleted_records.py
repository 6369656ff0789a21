"""Records that Kafka deletes before a worker reads them, on a real Kafka: reported, counted once, kept for verify."""

import os
import signal
from collections.abc import Mapping
from typing import Final

import pytest
from kafka import KafkaAdminClient, TopicPartition

from tests.servers import ApacheStack, Stack, WorkerProcess, eventually, publish, read_committed, unique_topics
from tests.stream.programs import StartWorker, verify
from tests.stream.test_offset_metadata import commit, last_line
from tests.stream.tweets import sample_tweets
from tests.stream.verifier import Verifier
from worker.counts import RunningCounts
from worker.errors import ExitCode

DONE_S: Final = 60.0

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]


def delete_before(env: Mapping[str, str], offset: int) -> None:
    """Delete the records of partition 0 before this offset, as retention does."""
    admin = KafkaAdminClient(bootstrap_servers=env["KAFKA_BOOTSTRAP_SERVERS"])
    try:
        admin.delete_records({TopicPartition(env["KAFKA_INPUT_TOPIC"], 0): offset})
    finally:
        admin.close()


def skipped(worker: WorkerProcess) -> float:
    return worker.metrics().total("emotion_records_skipped_total")


def test_records_that_were_deleted_behind_a_stopped_worker_are_reported_once(
    apache_stack: ApacheStack, start_worker: StartWorker
) -> None:
    env = unique_topics(apache_stack, 1)
    verifier, topic = Verifier(apache_stack, env), env["KAFKA_INPUT_TOPIC"]
    publish(apache_stack, topic, sample_tweets(100, partitions=1))
    first = start_worker(env)
    verifier.wait_until_done(DONE_S)
    assert first.terminate() == ExitCode.OK
    publish(apache_stack, topic, sample_tweets(100, partitions=1))
    delete_before(env, 180)
    assert "80 records skipped" in verify(env).out  # before any worker has skipped them

    second = start_worker(env)
    verifier.wait_until_done(DONE_S)
    eventually(lambda: skipped(second) == 80, DONE_S, "the metric counts 80 skipped records")
    assert f"ERROR   worker.restoring: {topic}[0]: Kafka deleted the records from offset 100 to 179" in second.log
    assert second.terminate() == ExitCode.OK
    assert len(read_committed(apache_stack, env["KAFKA_OUTPUT_TOPIC"])) == 120
    assert RunningCounts.from_metadata(verifier.positions()[0].metadata).skipped == 80  # type: ignore[union-attr]

    third = start_worker(env)
    third.wait_ready()
    checked = verify(env)
    assert (checked.code, "80 records skipped" in checked.out) == (ExitCode.OK, True), checked.out
    assert skipped(third) == 0
    assert "deleted the records" not in third.log


def test_a_partition_whose_records_were_all_deleted_is_committed_without_a_new_record(
    apache_stack: ApacheStack, start_worker: StartWorker
) -> None:
    env = unique_topics(apache_stack, 1)
    commit(env, 0, RunningCounts({}).to_metadata())
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(50, partitions=1))
    delete_before(env, 50)
    worker = start_worker(env)
    verifier = Verifier(apache_stack, env)
    verifier.wait_until_done(DONE_S)
    assert skipped(worker) == 50
    assert "50 records skipped" in verify(env).out


def test_records_that_are_deleted_while_a_worker_runs_are_reported(
    apache_stack: ApacheStack, start_worker: StartWorker
) -> None:
    env, total = unique_topics(apache_stack, 1), 3_000
    topic = env["KAFKA_INPUT_TOPIC"]
    publish(apache_stack, topic, sample_tweets(10, partitions=1))
    verifier = Verifier(apache_stack, env)
    worker = start_worker(env)
    verifier.wait_until_done(DONE_S)
    os.kill(worker.pid, signal.SIGSTOP)
    publish(apache_stack, topic, sample_tweets(total, partitions=1))
    delete_before(env, total)
    os.kill(worker.pid, signal.SIGCONT)
    verifier.wait_until_done(DONE_S)
    eventually(lambda: skipped(worker) > 0, DONE_S, "the worker reports skipped records")
    labelled = len(read_committed(apache_stack, env["KAFKA_OUTPUT_TOPIC"]))
    assert labelled + skipped(worker) == total + 10
    assert verify(env).code == ExitCode.OK


def test_a_committed_offset_beyond_the_end_ends_the_worker_and_no_record_is_processed_twice(
    apache_stack: ApacheStack, start_worker: StartWorker
) -> None:
    env = unique_topics(apache_stack, 1)
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(50, partitions=1))
    commit(env, 500, RunningCounts({"joy": 500}).to_metadata())
    worker = start_worker(env)
    assert worker.wait(DONE_S) == ExitCode.STATE
    assert f"{env['KAFKA_INPUT_TOPIC']}[0]@500: " in last_line(worker.log)
    assert read_committed(apache_stack, env["KAFKA_OUTPUT_TOPIC"]) == []


def test_a_new_group_on_a_topic_whose_first_records_were_deleted_reports_nothing(
    stack: Stack, start_worker: StartWorker
) -> None:
    env = unique_topics(stack, 1)
    publish(stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(50, partitions=1))
    if stack.kind == "apache":  # the embedded Kafka deletes no records
        delete_before(env, 30)
    worker = start_worker(env)
    Verifier(stack, env).wait_until_done(DONE_S)
    assert "deleted the records" not in worker.log
    assert skipped(worker) == 0
