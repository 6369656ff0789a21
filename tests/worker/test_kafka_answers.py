"""How long Kafka has not answered a client: answers count, requests and their failures do not."""

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import errors
from kafka.future import Future
from kafka.net.manager import KafkaConnectionManager
from kafka.protocol.metadata import MetadataRequest

from tests.clock import Clock
from tests.servers import Stack, eventually
from worker.kafka.client import RepairedClient


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(100.0)
    monkeypatch.setattr("worker.kafka.client.time", SimpleNamespace(monotonic=clock, sleep=time.sleep))
    return clock


@pytest.fixture
def client(clock: Clock) -> Iterator[RepairedClient]:
    client = RepairedClient(bootstrap_servers=["a:1"])
    yield client
    client.close()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Future]:
    """Return the futures of the requests, which are not sent."""
    futures: list[Future] = []

    def send(_: Any, _request: Any, *_args: Any) -> Future:
        futures.append(Future())
        return futures[-1]

    monkeypatch.setattr(KafkaConnectionManager, "send", send)
    return futures


def test_silence_begins_with_the_client_and_ends_with_each_answer(
    client: RepairedClient, clock: Clock, sent: list[Future]
) -> None:
    clock.now_s = 107.0
    assert client.silent_s() == 7.0
    client._manager.send(MetadataRequest())
    client.send(1, MetadataRequest())
    assert client.silent_s() == 7.0
    sent[0].success("answer")
    assert client.silent_s() == 0.0
    clock.now_s = 110.0
    assert client.silent_s() == 3.0
    sent[1].success("answer")
    assert client.silent_s() == 0.0


def test_a_request_that_fails_is_no_answer(client: RepairedClient, clock: Clock, sent: list[Future]) -> None:
    client._manager.send(MetadataRequest())
    clock.now_s = 105.0
    sent[0].failure(errors.RequestTimedOutError())
    assert client.silent_s() == 5.0


def test_a_client_hears_from_kafka_without_any_call(embedded_stack: Stack) -> None:
    client = RepairedClient(bootstrap_servers=[embedded_stack.bootstrap], metadata_max_age_ms=200)
    try:
        client._manager.bootstrap(timeout_ms=10_000)
        client._net.start()
        answers = {client._manager.answered_s}

        def answered_three_times_more() -> bool:
            answers.add(client._manager.answered_s)
            return len(answers) > 3

        eventually(answered_three_times_more, 10, "look-ups of metadata are answered")
    finally:
        client.close()
