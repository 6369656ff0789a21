"""Wrong settings and missing topics: one line that names the fault and the remedy, and a named exit code."""

import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]

from tests.ports import free_ports
from tests.servers import ApacheStack, Stack, create_topics, eventually, publish, unique_topics
from tests.stream.programs import StartWorker, run_program
from tests.stream.tweets import sample_tweets
from tests.stream.verifier import Verifier
from worker.errors import ExitCode

DONE_S = 120.0
"""Seconds until all tweets of a test must be committed, on a slow and busy machine."""

WRITTEN = ("KAFKA_OUTPUT_TOPIC", "KAFKA_DEAD_LETTER_TOPIC", "KAFKA_CHECKPOINT_TOPIC")
QUIET = {"LOG_LEVEL": "ERROR"}

pytestmark = pytest.mark.timeout(300)


def refused(env: Mapping[str, str], code: ExitCode, *words: str) -> None:
    """Assert that a worker ends with this code and one line on stderr that holds these words."""
    ended = run_program({**env, **QUIET, "METRICS_PORT": "0"})
    lines = ended.err.splitlines()
    assert (ended.code, len(lines)) == (code, 1), ended
    assert not [word for word in words if word not in lines[0]], lines[0]


@pytest.mark.parametrize(
    "missing", ["KAFKA_INPUT_TOPIC", "KAFKA_OUTPUT_TOPIC", "KAFKA_DEAD_LETTER_TOPIC", "KAFKA_CHECKPOINT_TOPIC"]
)
def test_a_missing_topic_is_named_with_the_command_that_makes_it(apache_stack: ApacheStack, missing: str) -> None:
    # The embedded Kafka creates a topic that is asked for.
    env = unique_topics(apache_stack, 2) | {missing: "never-created"}
    refused(env, ExitCode.TOPICS, "never-created", apache_stack.bootstrap, "python -m worker create-topics")


@pytest.mark.parametrize("small", WRITTEN)
def test_an_output_topic_with_too_few_partitions_is_named_with_the_command_that_grows_it(
    stack: Stack, start_worker: StartWorker, small: str
) -> None:
    env = unique_topics(stack, 3)
    name = f"small-{env['KAFKA_INPUT_TOPIC']}"
    create_topics(stack, [name], 2)
    env[small] = name
    refused(env, ExitCode.TOPICS, name, "2 partitions", "3", "python -m worker create-topics")


def test_create_topics_grows_what_is_too_small(apache_stack: ApacheStack, start_worker: StartWorker) -> None:
    # The embedded Kafka cannot add partitions.
    env = unique_topics(apache_stack, 3)
    for topic in WRITTEN:
        env[topic] = f"small-{env[topic]}"
    create_topics(apache_stack, [env["KAFKA_OUTPUT_TOPIC"]], 2)
    made = run_program(env, "create-topics")
    assert made.code == ExitCode.OK, made
    assert "grown from 2 to 3" in made.out
    verifier = Verifier(apache_stack, env)
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(30, partitions=3))
    start_worker(env)
    verifier.wait_until_done(DONE_S)
    verifier.check_all_done(30)


def test_an_input_topic_that_outgrows_its_outputs_ends_the_worker(
    apache_stack: ApacheStack, start_worker: StartWorker
) -> None:
    env = unique_topics(apache_stack, 3)
    verifier = Verifier(apache_stack, env)
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(300, partitions=3))
    worker = start_worker(env)
    verifier.wait_until_done(DONE_S)
    grow(apache_stack, env["KAFKA_INPUT_TOPIC"], 4)
    assert worker.wait(60) == ExitCode.TOPICS
    assert "Traceback" not in worker.log
    assert f"topic {env['KAFKA_OUTPUT_TOPIC']} has 3 partitions and needs 4" in worker.log
    verifier.check_all_done(300)


def test_all_topics_may_grow_while_a_worker_runs(apache_stack: ApacheStack, start_worker: StartWorker) -> None:
    env = unique_topics(apache_stack, 3)
    verifier = Verifier(apache_stack, env)
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(300, partitions=3))
    worker = start_worker(env)
    verifier.wait_until_done(DONE_S)
    for topic in (*WRITTEN, "KAFKA_INPUT_TOPIC"):
        grow(apache_stack, env[topic], 5)
    publish(apache_stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(500, partitions=5))
    verifier.wait_until_done(DONE_S)
    assert worker.exit_code is None
    verifier.check_all_done(800)


@pytest.mark.slow
def test_a_kafka_that_does_not_answer_is_named_after_a_while() -> None:
    (port,) = free_ports(1)
    started_s = time.monotonic()
    refused(
        {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}"},
        ExitCode.KAFKA,
        f"127.0.0.1:{port}",
        "cannot be reached",
        "is it running",
        "KAFKA_BOOTSTRAP_SERVERS",
    )
    assert time.monotonic() - started_s < 40


def test_a_model_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "nowhere"
    refused({"MODEL_PATH": str(folder)}, ExitCode.MODEL, f"MODEL_PATH={folder}", "set MODEL_PATH", "training")


def grow(stack: Stack, topic: str, partitions: int) -> None:
    """Add partitions to a topic; return when each of them has a leader."""
    admin = AdminClient({"bootstrap.servers": stack.bootstrap})
    for future in admin.create_partitions([NewPartitions(topic, partitions)]).values():
        future.result(60)
    eventually(
        lambda: (
            [p.leader >= 0 for p in admin.list_topics(topic, timeout=30).topics[topic].partitions.values()]
            == [True] * partitions
        ),
        60,
        "the new partitions have leaders",
    )
