"""The error and the exit code when Kafka refuses the producer."""

import socket
from contextlib import suppress
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError, TopicAuthorizationFailedError

from producer import connection
from producer.connection import connected
from tests.kafka_clients import Clients
from worker.errors import ExitCode, FatalError
from worker.settings import Settings
from worker.time_limits import TimeLimit


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Clients:
    clients = Clients()
    monkeypatch.setattr(connection, "KafkaProducer", clients.producer)
    monkeypatch.setattr(connection, "wait_until_reachable", lambda _: None)
    return clients


def settings(**values: Any) -> Settings:
    return Settings(_env_file=None, **({"kafka_bootstrap_servers": "broker:9092"} | values))


def fatal(of: Settings) -> FatalError:
    with pytest.raises(FatalError) as caught, connected(of):
        pytest.fail("connected")
    assert "\n" not in str(caught.value)
    return caught.value


def test_the_connection_sends_to_the_input_topic_and_is_closed_after_an_error(clients: Clients) -> None:
    with suppress(ZeroDivisionError), connected(settings()) as send:
        send(b"key", b"value")
        raise ZeroDivisionError
    assert clients.producers[0].looked_up == ["tweets"]
    assert clients.producers[0].sent_alone == [{"topic": "tweets", "key": b"key", "value": b"value"}]
    assert clients.calls == ["send", "force_close", "join", "close"]


def test_the_producer_is_idempotent_waits_for_all_replicas_and_creates_no_topic(clients: Clients) -> None:
    with connected(settings()):
        used = clients.producers[0].configs
    assert (used["enable_idempotence"], used["acks"], used["allow_auto_create_topics"]) == (True, "all", False)
    assert used["bootstrap_servers"] == ["broker:9092"]


def test_the_error_of_a_missing_topic_names_the_command_that_creates_the_topic(clients: Clients) -> None:
    clients.faults["partitions_for"] = [KafkaTimeoutError("no metadata")]
    error = fatal(settings())
    assert "topic 'tweets' does not exist at broker:9092" in str(error)
    assert "python -m worker create-topics" in str(error)
    assert error.exit_code == ExitCode.TOPICS
    assert clients.calls[-1] == "close"


def test_the_error_of_a_forbidden_topic_names_the_missing_permission(clients: Clients) -> None:
    clients.faults["partitions_for"] = [TopicAuthorizationFailedError("tweets")]
    error = fatal(settings())
    assert "grant WRITE" in str(error)
    assert error.exit_code == ExitCode.KAFKA
    assert len(clients.producers) == 1


def test_the_error_of_a_broker_that_does_not_answer_has_its_address_and_the_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("worker.time_limits.START", TimeLimit(0, "no second attempt"))
    with socket.socket() as bound:  # bound and not listening: no other program can answer on this port
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        error = fatal(settings(kafka_bootstrap_servers=address))
    assert address in str(error)
    assert "KAFKA_BOOTSTRAP_SERVERS" in str(error)
    assert error.exit_code == ExitCode.KAFKA
