"""A new topic that the broker refuses: the broker's own sentence, on one short line."""

import pytest
from confluent_kafka.admin import AclOperation, ResourceType  # type: ignore[attr-defined]

from tests.servers import ApacheStack, unique_topics
from tests.stream.programs import run_program
from tests.stream.secured import PASSWORD, SecuredStack
from worker.errors import ExitCode

LONGEST_LINE = 300
"""Characters; the error of kafka-python, a dump of request and answer, has more than twice as many."""

pytestmark = [pytest.mark.servers, pytest.mark.apache, pytest.mark.timeout(300)]


def refusal(env: dict[str, str], *options: str) -> str:
    ended = run_program(env, "create-topics", *options)
    assert ended.code == ExitCode.KAFKA, ended
    (line,) = ended.err.splitlines()
    assert len(line) < LONGEST_LINE, line
    assert "Request" not in line
    return line


def test_a_name_that_collides_with_another_is_refused_in_the_brokers_words(apache_stack: ApacheStack) -> None:
    env = unique_topics(apache_stack, 1)
    taken = env["KAFKA_INPUT_TOPIC"]
    line = refusal(env | {"KAFKA_OUTPUT_TOPIC": f"{taken}.x", "KAFKA_DEAD_LETTER_TOPIC": f"{taken}_x"})
    assert f"Kafka refuses to create topic {taken}_x (InvalidTopicError: " in line
    assert f"collides with existing topic: {taken}.x" in line


def test_more_replicas_than_brokers_are_refused_in_the_brokers_words(apache_stack: ApacheStack) -> None:
    env = unique_topics(apache_stack, 1)
    line = refusal(env | {"KAFKA_OUTPUT_TOPIC": f"new-{env['KAFKA_OUTPUT_TOPIC']}"}, "--replication-factor", "3")
    assert "(InvalidReplicationFactorError: " in line
    assert "only 1 broker(s) are registered" in line


def test_a_record_size_that_the_broker_does_not_accept_is_refused_in_the_brokers_words(
    apache_stack: ApacheStack,
) -> None:
    env = unique_topics(apache_stack, 1)
    new = {"KAFKA_INPUT_TOPIC": f"new-{env['KAFKA_INPUT_TOPIC']}"}
    assert "max.message.bytes" in refusal(env | new, "--max-message-bytes", str(2**40))


def test_a_user_who_may_not_create_topics_gets_the_name_of_the_missing_permission(secured_stack: SecuredStack) -> None:
    secured_stack.add_user("creator", PASSWORD, [(ResourceType.TOPIC, "tweets", AclOperation.DESCRIBE)])
    env = unique_topics(secured_stack, 1) | secured_stack.environment("creator", PASSWORD)
    line = refusal(env | {"KAFKA_INPUT_TOPIC": "tweets-forbidden"})
    assert "Kafka refuses to create topic tweets-forbidden (TopicAuthorizationFailedError: " in line
    assert "grant CREATE" in line


def test_a_user_who_may_not_add_partitions_gets_the_name_of_the_missing_permission(secured_stack: SecuredStack) -> None:
    env = unique_topics(secured_stack, 2)
    small = unique_topics(secured_stack, 1)
    names = [*env.values(), *small.values()]
    seen = [(ResourceType.TOPIC, name, AclOperation.DESCRIBE) for name in names if name.split("-")[0] in PREFIXES]
    secured_stack.add_user("grower", PASSWORD, seen)
    login = secured_stack.environment("grower", PASSWORD)
    line = refusal(env | {"KAFKA_OUTPUT_TOPIC": small["KAFKA_OUTPUT_TOPIC"]} | login)
    assert f"Kafka refuses to add partitions to topic {small['KAFKA_OUTPUT_TOPIC']} (" in line
    assert "ALTER" in line


PREFIXES = ("tweets", "emotions", "dead", "checkpoints")
"""The beginnings of the names of the topics of one test."""
