"""kafka-python's network client with the repairs that a transactional worker needs, and the settings that go with it.

Every repair answers an observed behaviour of kafka-python 3.0.12; the version is pinned, and a test names each one.
"""

import logging
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

from worker import time_limits
from worker.settings import Settings

NETWORK: Final[dict[str, Any]] = {
    "request_timeout_ms": time_limits.REQUEST.ms,
    "retry_backoff_ms": time_limits.REQUEST_RETRY_PAUSE.ms,
    "reconnect_backoff_ms": time_limits.RECONNECT_PAUSE.ms,
    "reconnect_backoff_max_ms": time_limits.RECONNECT_PAUSE_MAX.ms,
    "metadata_max_age_ms": time_limits.METADATA_MAX_AGE.ms,
    "bootstrap_timeout_ms": time_limits.BOOTSTRAP.ms,
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


class RepairedClient(KafkaNetClient):  # type: ignore[misc]  # kafka-python ships no types
    """The client to pass as `kafka_client=` to a consumer or producer."""

    def __init__(self, **configs: Any) -> None:
        # Neither consumer nor producer accepts these two; the defaults wait 10 to 30 s for one frozen broker.
        configs["socket_connection_setup_timeout_ms"] = time_limits.CONNECTION_SETUP.ms
        configs["socket_connection_setup_timeout_max_ms"] = time_limits.CONNECTION_SETUP_MAX.ms
        super().__init__(**configs)

    def await_ready(self, node_id: int, timeout_ms: float = time_limits.REQUEST.ms) -> bool:
        """Whether the node can take a request. Never raises: the transactional sender drops a request on an exception,
        and the caller of commit or abort then waits for ever. Pauses after a failure, or the sender's retry loop spins.
        """
        try:
            return bool(super().await_ready(node_id, timeout_ms=timeout_ms))
        except Exception:
            self.poll(timeout_ms=time_limits.COORDINATOR_RETRY_PAUSE.ms)
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


def consumer_arguments(settings: Settings) -> dict[str, Any]:
    """Return the arguments that every consumer of the project is made with; group and sizes are the caller's."""
    return {
        **NETWORK,
        **settings.kafka_connection(),
        "kafka_client": RepairedClient,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "allow_auto_create_topics": False,
        # Only this isolation level makes the look-up of committed offsets wait for transactions that are pending.
        "isolation_level": "read_committed",
    }


def discard(producer: KafkaProducer) -> None:
    """Stops a producer whatever state it is in; its own close() raises, and leaks its thread, with an open batch."""
    with silent_client():
        producer._sender.force_close()
        producer._sender.join(time_limits.CLOSE.seconds)
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
