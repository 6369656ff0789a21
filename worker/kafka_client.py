"""kafka-python's network client with the repairs that a transactional worker needs, and the settings that go with it.

Every repair answers an observed behaviour of kafka-python 3.0.12; the version is pinned, and a test names each one.
"""

import importlib.util
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from kafka import KafkaProducer, errors
from kafka.future import Future
from kafka.net.compat import KafkaNetClient
from kafka.protocol.metadata import FindCoordinatorRequest
from kafka.protocol.producer import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    EndTxnRequest,
    InitProducerIdRequest,
    TxnOffsetCommitRequest,
)

from worker.errors import ExitCode, Fatal, PassingFault
from worker.settings import Settings

log = logging.getLogger(__name__)

START_LIMIT_S: Final = 15.0
BOOTSTRAP_TIMEOUT_MS: Final = 2_000
SETUP_TIMEOUT_MS: Final = 2_000
SETUP_TIMEOUT_MAX_MS: Final = 4_000
RETRY_PAUSE_MS: Final = 20
CLOSE_TIMEOUT_MS: Final = 2_000

NETWORK: Final[dict[str, Any]] = {
    "request_timeout_ms": 5_000,
    "retry_backoff_ms": 20,
    "reconnect_backoff_ms": 50,
    "reconnect_backoff_max_ms": 500,
    "metadata_max_age_ms": 5_000,
    "bootstrap_timeout_ms": BOOTSTRAP_TIMEOUT_MS,
    "metrics_enabled": False,
}
"""Network settings of consumer and producer: a dead broker is noticed, and its successor found, within seconds."""

_TRANSACTION_REQUESTS: Final = (
    FindCoordinatorRequest,
    InitProducerIdRequest,
    AddPartitionsToTxnRequest,
    AddOffsetsToTxnRequest,
    TxnOffsetCommitRequest,
    EndTxnRequest,
)


_REFUSED_MEMBER: Final = (
    errors.InvalidSessionTimeoutError,
    errors.InvalidGroupIdError,
    errors.InconsistentGroupProtocolError,
    errors.GroupMaxSizeReachedError,
)


class RepairedClient(KafkaNetClient):  # type: ignore[misc]  # kafka-python ships no types
    """The client to pass as `kafka_client=` to a consumer or producer."""

    def __init__(self, **configs: Any) -> None:
        # Neither consumer nor producer accepts these two; the defaults wait 10 to 30 s for one frozen broker.
        configs["socket_connection_setup_timeout_ms"] = SETUP_TIMEOUT_MS
        configs["socket_connection_setup_timeout_max_ms"] = SETUP_TIMEOUT_MAX_MS
        super().__init__(**configs)

    def await_ready(self, node_id: int, timeout_ms: float = 30_000) -> bool:
        """Whether the node can take a request. Never raises: the transactional sender drops a request on an exception,
        and the caller of commit or abort then waits for ever. Pauses after a failure, or the sender's retry loop spins.
        """
        try:
            return bool(super().await_ready(node_id, timeout_ms=timeout_ms))
        except Exception:
            self.poll(timeout_ms=RETRY_PAUSE_MS)
            return False

    def send(self, node_id: int, request: Any, **kwargs: Any) -> Future:
        """Sends a request; transaction requests fail with KafkaConnectionError alone, the one error their sender
        retries. After any other it declares the producer broken with the transaction's outcome unknown.
        """
        if not isinstance(request, _TRANSACTION_REQUESTS):
            return super().send(node_id, request, **kwargs)
        handed_on = Future()
        try:
            future = super().send(node_id, request, **kwargs)
        except Exception as error:
            return handed_on.failure(_as_connection_error(error))
        future.add_callback(handed_on.success)
        future.add_errback(lambda error: handed_on.failure(_as_connection_error(error)))
        return handed_on


def _as_connection_error(error: BaseException) -> BaseException:
    passing = isinstance(error, errors.RetriableError | errors.UnknownBrokerIdError | OSError)
    return errors.KafkaConnectionError(str(error)) if passing else error


def translated(error: BaseException, bootstrap_servers: str) -> PassingFault | Fatal:
    """The lane in which a client's error ends: what a retry cannot mend is fatal, everything else may pass."""
    if isinstance(error, errors.FencedInstanceIdError):
        return Fatal("another worker runs with the same WORKER_ID: give each replica its own", ExitCode.FENCED)
    if isinstance(error, errors.SaslAuthenticationFailedError):
        return Fatal(
            f"Kafka at {bootstrap_servers} refuses the login ({error}): check KAFKA_SASL_USERNAME, "
            "KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM",
            ExitCode.KAFKA,
        )
    if isinstance(error, errors.AuthorizationError):
        return Fatal(
            f"Kafka at {bootstrap_servers} does not allow this user to go on ({error}): "
            "grant READ on the group and the input topic, WRITE on both output topics and on the transactional id",
            ExitCode.KAFKA,
        )
    if isinstance(error, _REFUSED_MEMBER):
        return Fatal(
            f"Kafka at {bootstrap_servers} does not let this worker into its group ({error}): check KAFKA_GROUP_ID, "
            "which no other kind of program may use, and KAFKA_SESSION_TIMEOUT_MS, which the brokers limit",
            ExitCode.KAFKA,
        )
    words = str(error)
    name = type(error).__name__
    return PassingFault(words if name in words else f"{name}: {words}")


def discard(producer: KafkaProducer) -> None:
    """Stops a producer whatever state it is in; its own close() raises, and leaks its thread, with an open batch."""
    with silent_client():
        producer._sender.force_close()
        producer._sender.join(CLOSE_TIMEOUT_MS / 1000)
        with suppress(Exception):
            producer.close(timeout=0)


@contextmanager
def silent_client() -> Iterator[None]:
    """For a client that is being cut off: it calls that a lost connection, in three lines."""
    client_log = logging.getLogger("kafka")
    level = client_log.level
    client_log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        client_log.setLevel(level)


def check_crc32c() -> None:
    """Raises Fatal without the C package crc32c; the client would fall back to one that is five times slower."""
    if importlib.util.find_spec("crc32c") is None:
        raise Fatal("the package crc32c is missing: pip install crc32c", ExitCode.SETTINGS)


def wait_until_reachable(settings: Settings, stop: threading.Event | None = None) -> None:
    """Waits up to START_LIMIT_S for a broker that answers and accepts the login, unless `stop` is set meanwhile.

    Raises Fatal that says what is wrong; a consumer or producer would only say that it is unable to bootstrap.
    """
    stop = stop or threading.Event()
    with silent_client():  # it would log three errors for every attempt
        _wait_until_reachable(settings, stop)


def _wait_until_reachable(settings: Settings, stop: threading.Event) -> None:
    gives_up_at_s = time.monotonic() + START_LIMIT_S
    waiting = False
    while not stop.is_set():
        try:
            _try_to_reach(settings)
            return
        except PassingFault as fault:
            if time.monotonic() >= gives_up_at_s:
                raise Fatal(
                    f"Kafka at {settings.kafka_bootstrap_servers} cannot be reached ({fault}): is it running, and are "
                    "KAFKA_BOOTSTRAP_SERVERS and KAFKA_SECURITY_PROTOCOL right?",
                    ExitCode.KAFKA,
                ) from None
            if not waiting:
                log.warning("waiting for Kafka at %s (%s)", settings.kafka_bootstrap_servers, fault)
            waiting = True
            stop.wait(0.5)


def _try_to_reach(settings: Settings) -> None:
    client = RepairedClient(**(NETWORK | settings.kafka_connection()))
    try:
        problems = []
        for broker in client.cluster.bootstrap_brokers():
            problem = _problem(client, broker)
            if problem is None:
                return
            problems.append(problem)
    finally:
        client.close()
    refusals = [problem for problem in problems if isinstance(problem, errors.SaslAuthenticationFailedError)]
    raise translated((refusals or problems)[0], settings.kafka_bootstrap_servers)


def _problem(client: RepairedClient, broker: Any) -> BaseException | None:
    async def connect() -> None:
        await client._manager.get_connection(broker.node_id, timeout_ms=SETUP_TIMEOUT_MAX_MS, pop_on_close=False)
        # A broker that wants a login closes the connection only now, not at the TLS handshake.
        await client.cluster.refresh_metadata(broker.node_id)

    try:
        client._manager.run(connect)
    except Exception as error:
        return error
    return None
