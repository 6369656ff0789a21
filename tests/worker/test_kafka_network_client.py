"""The traps of kafka-python 3.0.12 that the worker's client repairs, each by its name."""

import importlib.metadata
import socket
from collections.abc import Callable
from typing import Any

import pytest
from kafka import errors
from kafka.future import Future
from kafka.net.compat import KafkaNetClient
from kafka.protocol.consumer import FetchRequest
from kafka.protocol.metadata import FindCoordinatorRequest, MetadataRequest
from kafka.protocol.producer import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    EndTxnRequest,
    InitProducerIdRequest,
    ProduceRequest,
    TxnOffsetCommitRequest,
)

from worker.errors import ExitCode, FatalError, TransientError
from worker.kafka.client import RepairedClient
from worker.kafka.errors import translated
from worker.kafka.reachable import check_crc32c

TRANSACTION_REQUESTS = [
    FindCoordinatorRequest,
    InitProducerIdRequest,
    AddPartitionsToTxnRequest,
    AddOffsetsToTxnRequest,
    TxnOffsetCommitRequest,
    EndTxnRequest,
]
OTHER_REQUESTS = [MetadataRequest, ProduceRequest, FetchRequest]

RETRIABLE = [
    errors.RequestTimedOutError("x"),
    errors.KafkaTimeoutError("x"),
    errors.Cancelled("x"),
    errors.NodeNotReadyError("x"),
    errors.NotCoordinatorError("x"),
    errors.CorrelationIdError("x"),
    errors.UnknownBrokerIdError("x"),
    ConnectionResetError("x"),
    TimeoutError("x"),
]
LASTING = [
    errors.ProducerFencedError("x"),
    errors.InvalidProducerEpochError("x"),
    errors.TransactionalIdAuthorizationFailedError("x"),
    errors.FencedInstanceIdError("x"),
    errors.IllegalStateError("x"),
    ValueError("x"),
]


@pytest.fixture
def client() -> RepairedClient:
    """Return a client without a network."""
    return object.__new__(RepairedClient)


def _name(thing: object) -> str:
    return thing.__name__ if isinstance(thing, type) else type(thing).__name__


def test_kafka_python_is_the_version_whose_traps_are_known() -> None:
    assert importlib.metadata.version("kafka-python") == "3.0.12", (
        "another kafka-python: check every trap of the old one against the new source and a real broker: await_ready "
        "raising, transaction requests failing with more than KafkaConnectionError, the coordinator's look-up without "
        "a pause, the set-up time-outs, committed() answering from its cache, the sender dying of expired batches, old "
        "offsets and records in a producer's next transaction, close() leaking the sender's thread, metadata of a "
        "member thrown out, poll() hanging on an unreadable record, a replaced static member that raises nothing, "
        "errors without an address, a refused login forgotten, abort hanging without a connection, passing states "
        "logged, a split batch without an outcome, the error of a refused batch in those that wait, "
        "the client's own metadata request logged as an error at the close; "
        "then the private names that worker/kafka uses; then pin it here"
    )


@pytest.mark.parametrize("error", [*RETRIABLE, *LASTING], ids=_name)
def test_trap_await_ready_raises_and_the_pending_request_is_dropped(
    client: RepairedClient, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def raises(*_: Any, **__: Any) -> bool:
        raise error

    monkeypatch.setattr(KafkaNetClient, "await_ready", raises)
    monkeypatch.setattr(KafkaNetClient, "poll", lambda self, timeout_ms: None, raising=False)
    assert client.await_ready(1, timeout_ms=50) is False


def test_trap_coordinator_look_up_loops_without_a_pause_while_the_coordinator_is_dead(
    client: RepairedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    def raises(*_: Any, **__: Any) -> bool:
        raise errors.KafkaConnectionError("not ready")

    monkeypatch.setattr(KafkaNetClient, "await_ready", raises)
    monkeypatch.setattr(KafkaNetClient, "poll", lambda self, timeout_ms: pauses.append(timeout_ms), raising=False)
    for _ in range(3):
        client.await_ready(1)
    assert pauses == [20, 20, 20]


def test_a_node_that_is_ready_is_ready_without_a_pause(client: RepairedClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, float]] = []

    def is_ready(self: object, node_id: int, timeout_ms: float) -> bool:
        asked.append((node_id, timeout_ms))
        return True

    def no_pause(*_: Any, **__: Any) -> None:
        raise AssertionError("paused")

    monkeypatch.setattr(KafkaNetClient, "await_ready", is_ready)
    monkeypatch.setattr(KafkaNetClient, "poll", no_pause, raising=False)
    assert client.await_ready(1, timeout_ms=50) is True
    assert asked == [(1, 50)]


class Answering:
    """A fake of the network: each request is answered by this future, or by this exception at once."""

    def __init__(self, raises: Exception | None = None) -> None:
        self.future = Future()
        self.raises = raises

    def send(self, node_id: int, request: object, **_: Any) -> Future:
        if self.raises is not None:
            raise self.raises
        return self.future


Sending = Callable[..., tuple[Answering, Future]]


@pytest.fixture
def send(client: RepairedClient, monkeypatch: pytest.MonkeyPatch) -> Sending:
    def send(request: type, raises: Exception | None = None) -> tuple[Answering, Future]:
        network = Answering(raises)
        monkeypatch.setattr(KafkaNetClient, "send", network.send)
        return network, client.send(1, request())

    return send


@pytest.mark.parametrize("error", RETRIABLE, ids=_name)
@pytest.mark.parametrize("request_type", TRANSACTION_REQUESTS, ids=_name)
def test_trap_transaction_requests_are_retried_on_a_connection_error_only(
    send: Sending, request_type: type, error: Exception
) -> None:
    network, future = send(request_type)
    network.future.failure(error)
    assert future.failed()
    assert type(future.exception) is errors.KafkaConnectionError


@pytest.mark.parametrize("error", RETRIABLE, ids=_name)
def test_trap_transaction_requests_that_fail_before_they_are_sent(send: Sending, error: Exception) -> None:
    _, future = send(EndTxnRequest, raises=error)
    assert type(future.exception) is errors.KafkaConnectionError


@pytest.mark.parametrize("error", LASTING, ids=_name)
def test_lasting_errors_of_transaction_requests_stay_what_they_are(send: Sending, error: Exception) -> None:
    network, future = send(EndTxnRequest)
    network.future.failure(error)
    assert future.exception is error
    _, future = send(EndTxnRequest, raises=error)
    assert future.exception is error


def test_answers_to_transaction_requests_are_handed_on(send: Sending) -> None:
    network, future = send(EndTxnRequest)
    assert not future.is_done
    network.future.success("answer")
    assert future.succeeded()
    assert future.value == "answer"


@pytest.mark.parametrize("request_type", OTHER_REQUESTS, ids=_name)
def test_other_requests_pass_unchanged(send: Sending, request_type: type) -> None:
    network, future = send(request_type)
    assert future is network.future
    with pytest.raises(errors.RequestTimedOutError):
        send(request_type, raises=errors.RequestTimedOutError())


def test_trap_connection_set_up_may_take_30_s_and_cannot_be_set_from_outside() -> None:
    client = RepairedClient(bootstrap_servers=["a:1"], socket_connection_setup_timeout_ms=10_000)
    try:
        configs = client._manager.config
        assert configs["bootstrap_servers"] == ["a:1"]
        assert configs["socket_connection_setup_timeout_ms"] == 2_000
        assert configs["socket_connection_setup_timeout_max_ms"] == 4_000
    finally:
        client.close()


def test_trap_a_busy_machine_gets_a_warning_for_each_step_of_the_network_thread() -> None:
    client = RepairedClient(bootstrap_servers=["a:1"])
    try:
        assert client._net.config["slow_task_threshold_secs"] == 0
    finally:
        client.close()


def test_trap_a_refused_connection_does_not_name_the_address() -> None:
    with socket.socket() as bound:  # bound and not listening: no other program can answer on this port
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        assert address in refusal_of(address)


def test_trap_a_name_that_does_not_resolve_is_not_named() -> None:
    assert "kafka.invalid:9092" in refusal_of("kafka.invalid:9092")


def refusal_of(address: str) -> str:
    """Return the error of a connection to an address."""
    client = RepairedClient(bootstrap_servers=[address])
    (broker,) = client.cluster.bootstrap_brokers()

    async def connect() -> None:
        await client._manager.get_connection(broker.node_id)

    try:
        with pytest.raises(errors.KafkaConnectionError) as caught:
            client._manager.run(connect)
    finally:
        client.close()
    return str(caught.value)


@pytest.mark.parametrize(
    ("error", "exit_code", "words"),
    [
        (errors.FencedInstanceIdError(), ExitCode.FENCED, "WORKER_ID"),
        (errors.SaslAuthenticationFailedError(), ExitCode.KAFKA, "KAFKA_SASL_PASSWORD"),
        (errors.SaslAuthenticationFailedError(), ExitCode.KAFKA, "the access token and its expiry"),
        (errors.UnsupportedSaslMechanismError(), ExitCode.KAFKA, "check KAFKA_SASL_MECHANISM"),
        (errors.GroupAuthorizationFailedError(), ExitCode.KAFKA, "READ on the group"),
        (errors.TopicAuthorizationFailedError(), ExitCode.KAFKA, "WRITE on both output topics"),
        (errors.TransactionalIdAuthorizationFailedError(), ExitCode.KAFKA, "transactional id"),
        (errors.ClusterAuthorizationFailedError(), ExitCode.KAFKA, "does not allow"),
    ],
    ids=_name,
)
def test_an_error_that_no_retry_repairs_is_fatal_and_names_the_remedy(
    error: Exception, exit_code: ExitCode, words: str
) -> None:
    fault = translated(error, "broker:9092")
    assert isinstance(fault, FatalError)
    assert fault.exit_code is exit_code
    assert words in str(fault)
    assert "\n" not in str(fault)


@pytest.mark.parametrize(
    "error",
    [*RETRIABLE, errors.ProducerFencedError("x"), errors.IllegalStateError("x"), AssertionError("x"), KeyError("x")],
    ids=_name,
)
def test_every_other_error_is_transient_and_named(error: Exception) -> None:
    fault = translated(error, "broker:9092")
    assert isinstance(fault, TransientError)
    assert type(error).__name__ in str(fault)


def test_slow_checksums_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    check_crc32c()
    monkeypatch.setattr("worker.kafka.reachable.importlib.util.find_spec", lambda name: None)
    with pytest.raises(FatalError, match="pip install crc32c"):
        check_crc32c()
