"""The producer of a worker: an abort without an answer ends, leaves no thread, and the next producer starts."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import KafkaProducer
from kafka.producer.transaction_manager import TransactionManager, TransactionState

from tests.kafka_clients import Clients
from worker.kafka import producer as producer_module
from worker.kafka.producer import ResultProducer
from worker.settings import Settings
from worker.time_limits import TimeLimit


class UnansweredClient:
    """kafka-python's own transactions and abort, without a thread that sends their requests."""

    abort_transaction = KafkaProducer.abort_transaction
    begin_transaction = KafkaProducer.begin_transaction

    def __init__(self, **_: Any) -> None:
        self._transaction_manager = TransactionManager(transactional_id="id", transaction_timeout_ms=1)
        self.wakeups = 0
        self._sender = SimpleNamespace(wakeup=self._wake)

    def init_transactions(self) -> None:
        self._transaction_manager._transition_to(TransactionState.INITIALIZING)
        self._transaction_manager._transition_to(TransactionState.READY)

    def _wake(self) -> None:
        self.wakeups += 1


def _producer() -> ResultProducer:
    return ResultProducer(Settings(_env_file=None), transactional_id="id", max_record_bytes=1_000)


def test_trap_an_abort_returns_only_after_the_brokers_are_back(monkeypatch: pytest.MonkeyPatch) -> None:
    client = UnansweredClient()
    monkeypatch.setattr(producer_module, "BatchProducer", lambda **_: client)
    producer = _producer()
    producer.begin()
    before = set(threading.enumerate())
    aborting = threading.Thread(target=producer.abort, args=(TimeLimit(0, "no answer"),))
    aborting.start()
    aborting.join(30)
    assert not aborting.is_alive()
    assert set(threading.enumerate()) <= before
    assert client._transaction_manager.is_aborting()
    assert client.wakeups == 1


@pytest.mark.parametrize("begun", [False, True])
def test_an_abort_that_the_client_refuses_raises_nothing(monkeypatch: pytest.MonkeyPatch, *, begun: bool) -> None:
    client = UnansweredClient()
    monkeypatch.setattr(producer_module, "BatchProducer", lambda **_: client)
    producer = _producer()
    if begun:
        producer.begin()
        client._transaction_manager.transition_to_fatal_error(ValueError("the first error"))
    producer.abort()
    assert not client._transaction_manager.is_aborting()


def test_an_abort_that_is_answered_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    clients = Clients()
    monkeypatch.setattr(producer_module, "BatchProducer", clients.producer)
    _producer().abort()
    assert clients.calls == ["init", "abort"]
