"""A Kafka with TLS, passwords and permissions: the worker processes tweets, or names in one line what is missing."""

import time

import pytest
from confluent_kafka.admin import AclOperation, ResourceType  # type: ignore[attr-defined]

from tests.servers import publish, unique_topics
from tests.stream.programs import Ended, StartWorker, run_program
from tests.stream.secured import PASSWORD, SecuredStack, worker_permissions
from tests.stream.tweets import sample_tweets
from tests.stream.verifier import Verifier
from worker.errors import ExitCode

DONE_S = 120.0
"""Seconds until all tweets of a test must be committed, on a slow and busy machine."""

pytestmark = [pytest.mark.servers, pytest.mark.apache, pytest.mark.timeout(300)]


def test_a_user_with_the_named_permissions_works_over_tls(
    secured_stack: SecuredStack, start_worker: StartWorker
) -> None:
    env = unique_topics(secured_stack, 3)
    secured_stack.add_user("worker", PASSWORD, worker_permissions(env))
    verifier = Verifier(secured_stack, env)
    publish(secured_stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(1_000, partitions=3))
    worker = start_worker({**env, **secured_stack.environment("worker", PASSWORD)})
    verifier.wait_until_done(DONE_S)
    assert len(verifier.check_all_done(1_000).labelled) == 1_000
    assert PASSWORD not in worker.log
    assert worker.terminate() == ExitCode.OK


def test_a_wrong_password_is_named_soon(secured_stack: SecuredStack) -> None:
    secured_stack.add_user("forgetful", PASSWORD)
    env = unique_topics(secured_stack, 3)
    started_s = time.monotonic()
    refused = start_and_end({**env, **secured_stack.environment("forgetful", "wrong-horse")})
    assert time.monotonic() - started_s < 25
    assert "KAFKA_SASL_PASSWORD" in refused.err
    assert "wrong-horse" not in refused.err


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL"])
def test_a_wrong_protocol_is_named(secured_stack: SecuredStack, protocol: str) -> None:
    env = unique_topics(secured_stack, 3) | secured_stack.environment("worker", PASSWORD)
    refused = start_and_end({**env, "KAFKA_SECURITY_PROTOCOL": protocol})
    assert "KAFKA_SECURITY_PROTOCOL" in refused.err


def test_a_user_without_permissions_may_not_see_the_topic(secured_stack: SecuredStack) -> None:
    secured_stack.add_user("stranger", PASSWORD)
    env = unique_topics(secured_stack, 3)
    ended = start_and_end({**env, **secured_stack.environment("stranger", PASSWORD)}, code=ExitCode.TOPICS)
    assert "this user may not see it" in ended.err


def test_for_a_user_who_may_read_but_not_write_the_permission_is_named(secured_stack: SecuredStack) -> None:
    env = unique_topics(secured_stack, 3)
    topics = ("KAFKA_INPUT_TOPIC", "KAFKA_OUTPUT_TOPIC", "KAFKA_DEAD_LETTER_TOPIC", "KAFKA_CHECKPOINT_TOPIC")
    readable = [(ResourceType.TOPIC, env[topic], AclOperation.READ) for topic in topics]
    secured_stack.add_user("reader", PASSWORD, [*readable, (ResourceType.GROUP, "group", AclOperation.READ)])
    ended = start_and_end({**env, **secured_stack.environment("reader", PASSWORD)})
    assert "WRITE" in ended.err


def start_and_end(env: dict[str, str], code: ExitCode = ExitCode.KAFKA) -> Ended:
    """Run a worker that cannot start; assert its exit code and that it logs one line."""
    ended = run_program({**env, "LOG_LEVEL": "ERROR", "METRICS_PORT": "0"})
    assert (ended.code, len(ended.err.splitlines())) == (code, 1), ended.err
    assert PASSWORD not in ended.err
    return ended
