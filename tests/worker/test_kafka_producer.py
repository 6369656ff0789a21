"""The producer of a worker: an abort without an answer ends, and the next producer starts."""

import threading
from collections.abc import Iterator

import pytest

from tests.kafka_clients import Clients
from worker.kafka import producer as producer_module
from worker.kafka.producer import ResultProducer
from worker.settings import Settings
from worker.time_limits import TimeLimit


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Clients:
    clients = Clients()
    monkeypatch.setattr(producer_module, "KafkaProducer", clients.producer)
    return clients


@pytest.fixture
def answer() -> Iterator[threading.Event]:
    """Return the answer of the brokers to an abort, which comes at the end of the test at the latest."""
    answer = threading.Event()
    yield answer
    answer.set()


def test_trap_an_abort_returns_only_after_the_brokers_are_back(
    clients: Clients, answer: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer = ResultProducer(Settings(_env_file=None), transactional_id="id", max_record_bytes=1_000)
    monkeypatch.setattr(clients.producers[0], "abort_transaction", answer.wait)
    aborting = threading.Thread(target=producer.abort, args=(TimeLimit(0, "no answer"),))
    aborting.start()
    aborting.join(30)
    assert not aborting.is_alive()
    assert not answer.is_set()


def test_an_abort_that_is_answered_is_waited_for(clients: Clients) -> None:
    producer = ResultProducer(Settings(_env_file=None), transactional_id="id", max_record_bytes=1_000)
    producer.abort()
    assert clients.calls == ["init", "abort"]
