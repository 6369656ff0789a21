"""The error and the exit code when Kafka refuses the producer."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError, TopicAuthorizationFailedError

from producer import connection
from producer.connection import connected
from worker.errors import ExitCode, FatalError
from worker.settings import Settings
from worker.time_limits import TimeLimit


class FakeProducer:
    """A fake of kafka-python's producer; `problem` is what looking up the topic raises."""

    problem: Exception | None = None
    made: "list[FakeProducer]"

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.sent: list[tuple[str, bytes, bytes]] = []
        self.steps: list[str] = []
        self._sender = SimpleNamespace(
            force_close=lambda: self.steps.append("force_close"), join=lambda _: self.steps.append("join")
        )
        type(self).made.append(self)

    def partitions_for(self, topic: str) -> set[int]:
        assert topic == "tweets"
        if self.problem:
            raise self.problem
        return {0}

    def send(self, topic: str, *, key: bytes, value: bytes) -> str:
        self.sent.append((topic, key, value))
        return "delivery"

    def close(self, timeout: float) -> None:
        assert timeout == 0
        self.steps.append("close")


@pytest.fixture
def producers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[FakeProducer]]:
    FakeProducer.made = []
    monkeypatch.setattr(connection, "KafkaProducer", FakeProducer)
    monkeypatch.setattr(connection, "wait_until_reachable", lambda _: None)
    yield FakeProducer.made
    FakeProducer.problem = None


def settings(**values: Any) -> Settings:
    return Settings(_env_file=None, **({"kafka_bootstrap_servers": "broker:9092"} | values))


def fatal(of: Settings) -> FatalError:
    with pytest.raises(FatalError) as caught, connected(of):
        pytest.fail("connected")
    assert "\n" not in str(caught.value)
    return caught.value


def test_the_connection_sends_to_the_input_topic_and_is_closed_after_an_error(producers: list[FakeProducer]) -> None:
    with suppress(ZeroDivisionError), connected(settings()) as send:
        send(b"key", b"value")
        raise ZeroDivisionError
    assert producers[0].sent == [("tweets", b"key", b"value")]
    assert producers[0].steps == ["force_close", "join", "close"]


def test_the_producer_is_idempotent_waits_for_all_replicas_and_creates_no_topic(producers: list[FakeProducer]) -> None:
    with connected(settings()):
        used = producers[0].settings
    assert (used["enable_idempotence"], used["acks"], used["allow_auto_create_topics"]) == (True, "all", False)
    assert used["bootstrap_servers"] == ["broker:9092"]


def test_the_error_of_a_missing_topic_names_the_command_that_creates_the_topic(producers: list[FakeProducer]) -> None:
    FakeProducer.problem = KafkaTimeoutError("no metadata")
    error = fatal(settings())
    assert "topic 'tweets' does not exist at broker:9092" in str(error)
    assert "python -m worker create-topics" in str(error)
    assert error.exit_code == ExitCode.TOPICS
    assert producers[0].steps[-1] == "close"


def test_the_error_of_a_forbidden_topic_names_the_missing_permission(producers: list[FakeProducer]) -> None:
    FakeProducer.problem = TopicAuthorizationFailedError("tweets")
    error = fatal(settings())
    assert "grant WRITE" in str(error)
    assert error.exit_code == ExitCode.KAFKA
    assert len(producers) == 1


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
