"""A fenced producer: the worker detects it by the class of the error, and first looks for another worker."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import errors

from tweets.records import OutputRecord
from worker.errors import ExitCode, FatalError, TransientError
from worker.kafka.producer import ResultProducer
from worker.kafka.stream import KafkaStream
from worker.process.watchdog import Watchdog
from worker.settings import Settings

A_RECORD = OutputRecord("tweets.emotions", 0, b"k", b"v", [])
WRAPPED = errors.KafkaError("Cannot execute transactional method because we are in an error state")


class FakeResultProducer:
    """Fails with `error`; `fenced` as the client's transaction manager would have it."""

    error: Exception | None = None
    fenced = False

    def __init__(self, settings: Settings, **_: Any) -> None:
        """Connect to nothing."""

    def begin(self) -> None:
        if self.error is not None:
            raise self.error

    def send(self, records: Sequence[OutputRecord]) -> None:
        """Send nothing."""

    def abort(self) -> None:
        """Abort nothing."""

    def discard(self) -> None:
        """Discard nothing."""

    def close(self) -> None:
        """Close nothing."""


class FakeTweetConsumer:
    def __init__(self, settings: Settings) -> None:
        self.checks = 0
        self.replaced = False

    def check_fenced_after_heartbeat(self) -> None:
        self.checks += 1
        if self.replaced:
            raise errors.FencedInstanceIdError

    def close(self) -> None:
        """Close nothing."""


class Fixture:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, worker_id: str | None) -> None:
        self.producers: list[FakeResultProducer] = []
        self.consumers: list[FakeTweetConsumer] = []
        monkeypatch.setattr("worker.kafka.stream.ResultProducer", self._new_producer)
        monkeypatch.setattr("worker.kafka.stream.TweetConsumer", self._new_consumer)
        settings = Settings(_env_file=None, worker_id=worker_id)
        self.stream = KafkaStream(settings, max_record_bytes=1, watchdog=Watchdog())

    @property
    def consumer(self) -> FakeTweetConsumer:
        return self.consumers[0]

    def fail(self, error: Exception, *, fenced: bool) -> None:
        """Let the producer fail once."""
        self.producers[-1].error, self.producers[-1].fenced = error, fenced
        with pytest.raises(TransientError):
            self.stream.publish([A_RECORD], {})

    def _new_producer(self, settings: Settings, **configs: Any) -> FakeResultProducer:
        self.producers.append(FakeResultProducer(settings, **configs))
        return self.producers[-1]

    def _new_consumer(self, settings: Settings) -> FakeTweetConsumer:
        self.consumers.append(FakeTweetConsumer(settings))
        return self.consumers[-1]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], Fixture]:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return lambda worker_id: Fixture(monkeypatch, worker_id=worker_id)


@pytest.mark.parametrize(
    ("error", "fenced", "checks"),
    [
        (errors.ProducerFencedError(), False, 1),  # raised by init_transactions, before there is a producer
        (WRAPPED, True, 1),  # raised by every later call
        (WRAPPED, False, 0),
        (errors.KafkaError("ProducerFencedError is only in the text"), False, 0),
        (errors.KafkaTimeoutError("x"), False, 0),
    ],
    ids=["the error itself", "wrapped by the client", "another error in the client", "only a text", "time-out"],
)
def test_the_state_of_the_client_and_not_the_text_decides_whether_the_producer_was_fenced(
    started: Callable[[str | None], Fixture], error: Exception, fenced: bool, checks: int
) -> None:
    fixture = started("w-0")
    fixture.fail(error, fenced=fenced)
    fixture.stream.rollback()
    assert fixture.consumer.checks == checks
    assert len(fixture.producers) == 2


def test_another_worker_with_the_same_worker_id_is_fatal_and_no_new_producer_is_made(
    started: Callable[[str | None], Fixture],
) -> None:
    fixture = started("w-0")
    fixture.consumer.replaced = True
    fixture.fail(WRAPPED, fenced=True)
    with pytest.raises(FatalError, match="WORKER_ID") as caught:
        fixture.stream.rollback()
    assert caught.value.exit_code is ExitCode.FENCED
    assert len(fixture.producers) == 1


def test_without_a_worker_id_a_fenced_producer_is_replaced_at_once(
    started: Callable[[str | None], Fixture],
) -> None:
    fixture = started(None)
    fixture.fail(WRAPPED, fenced=True)
    fixture.stream.rollback()
    assert fixture.consumer.checks == 0
    assert len(fixture.producers) == 2


@pytest.mark.parametrize(
    ("last_error", "fenced"), [(None, False), (errors.ProducerFencedError(), True), (WRAPPED, False)], ids=str
)
def test_trap_the_client_keeps_the_first_error_of_a_producer_only_in_its_transaction_manager(
    monkeypatch: pytest.MonkeyPatch, last_error: Exception | None, fenced: bool
) -> None:
    client = SimpleNamespace(
        init_transactions=lambda: None, _transaction_manager=SimpleNamespace(last_error=last_error)
    )
    monkeypatch.setattr("worker.kafka.producer.BatchProducer", lambda **configs: client)
    settings = Settings(_env_file=None)
    assert ResultProducer(settings, transactional_id="id", max_record_bytes=1).fenced is fenced


def test_trap_kafka_python_keeps_the_last_error_of_its_transactions() -> None:
    from kafka.producer.transaction_manager import TransactionManager, TransactionState

    manager = TransactionManager(transactional_id="id", transaction_timeout_ms=1)
    assert manager.last_error is None
    error = errors.ProducerFencedError()
    manager._transition_to(TransactionState.FATAL_ERROR, error=error)
    assert manager.last_error is error
    with pytest.raises(errors.KafkaError) as caught:
        manager.begin_transaction()
    assert not isinstance(caught.value, errors.ProducerFencedError)
