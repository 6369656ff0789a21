"""The network client of kafka-python with the repairs that a transactional worker needs, and its settings.

Every repair is for an observed behaviour of kafka-python 3.0.12. The version is pinned, and a test names each repair.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from kafka import KafkaConsumer, KafkaProducer, errors
from kafka.future import Future
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector
from kafka.protocol.metadata import FindCoordinatorRequest
from kafka.protocol.producer import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    EndTxnRequest,
    InitProducerIdRequest,
    TxnOffsetCommitRequest,
)

from worker import time_limits
from worker.kafka.connection import connection_arguments
from worker.kafka.decompression import install as bound_decompression
from worker.kafka.emptied_markers import install as read_emptied_markers
from worker.kafka.poll_bound import install as bound_polls
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
"""Network settings of every consumer and producer: the client notices a dead broker within seconds."""

_TRANSACTION_REQUESTS: Final = (
    FindCoordinatorRequest,
    InitProducerIdRequest,
    AddPartitionsToTxnRequest,
    AddOffsetsToTxnRequest,
    TxnOffsetCommitRequest,
    EndTxnRequest,
)


_client_log = logging.getLogger("kafka")
_login_log = logging.getLogger("kafka.login")
"""A name of the client's, because its lines are also limited in number and silent while a program starts."""


class NamingManager(KafkaConnectionManager):  # type: ignore[misc]  # kafka-python ships no types
    """Makes connections whose errors name the address; kafka-python's own text is "111 ECONNREFUSED" alone.

    A refused login is logged, and followed by a pause as any failure is; kafka-python forgets the failure and connects
    again at once. `answered_s` is when a broker last answered a request, or when the client was made, on the monotonic
    clock.
    """

    def __init__(self, net: Any, **configs: Any) -> None:
        super().__init__(net, **configs)
        self.answered_s = time.monotonic()

    def send(self, request: Any, node_id: int | None = None, request_timeout_ms: float | None = None) -> Future:
        """Send a request, and note the time of its answer."""
        return super().send(request, node_id, request_timeout_ms).add_callback(self._note_answer)

    def _note_answer(self, _response: Any) -> None:
        self.answered_s = time.monotonic()

    async def _connect(self, node: Any, conn: Any, **options: Any) -> None:
        await super()._connect(node, conn, **options)
        error = conn.init_future.exception
        if isinstance(error, errors.SaslAuthenticationFailedError):
            self.update_backoff(node.node_id)
            _login_log.error("%s:%s refuses the login: %s; trying again", node.host, node.port, error)

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:
        try:
            return await super()._build_transport(node, timeout_at=timeout_at)
        except errors.KafkaConnectionError as error:
            reason = str(error).removeprefix(f"{type(error).__name__}: ")
            raise errors.KafkaConnectionError(f"{node.host}:{node.port}: {reason}") from error


class RepairedClient(KafkaNetClient):  # type: ignore[misc]
    """The network client to pass as `kafka_client=` to a consumer or producer."""

    def __init__(self, **configs: Any) -> None:
        # Consumer and producer do not accept these two settings; the defaults wait 10 to 30 s for a frozen broker.
        configs["socket_connection_setup_timeout_ms"] = time_limits.CONNECTION_SETUP.ms
        configs["socket_connection_setup_timeout_max_ms"] = time_limits.CONNECTION_SETUP_MAX.ms
        # A warning for developers of kafka-python about each step of its network thread over 0.1 s: a busy machine
        # has many. The watchdog and the brokers notice a thread that blocks.
        configs["slow_task_threshold_secs"] = 0
        network = NetworkSelector(**configs)
        super().__init__(net=network, manager=NamingManager(network, **configs))

    def await_ready(self, node_id: int, timeout_ms: float = time_limits.REQUEST.ms) -> bool:
        """Return whether the node can take a request; never raise.

        On an exception, the transactional sender drops the request, and the caller of commit or abort never returns.
        After a failure, pause for COORDINATOR_RETRY_PAUSE, because the sender retries in a busy loop.
        """
        try:
            return bool(super().await_ready(node_id, timeout_ms=timeout_ms))
        except Exception:
            self.poll(timeout_ms=time_limits.COORDINATOR_RETRY_PAUSE.ms)
            return False

    def silent_s(self) -> float:
        """Return the seconds since a broker last answered a request of this client, or since the client was made."""
        return time.monotonic() - float(self._manager.answered_s)

    def close(self, node_id: int | None = None) -> None:
        """Close the client, or one connection, without a log line.

        The requests under way fail with it, and kafka-python logs the failure of its own metadata request as an error.
        """
        with silent_client():
            super().close(node_id)

    def send(self, node_id: int, request: Any, **kwargs: Any) -> Future:
        """Send a request; a transaction request that may be retried fails with KafkaConnectionError.

        The sender retries a transaction request only on KafkaConnectionError. On any other error, the sender declares
        the producer broken, and the outcome of the transaction stays unknown.
        """
        if not isinstance(request, _TRANSACTION_REQUESTS):
            return super().send(node_id, request, **kwargs)
        translated = Future()
        try:
            future = super().send(node_id, request, **kwargs)
        except Exception as error:
            return translated.failure(_as_connection_error(error))
        future.add_callback(translated.success)
        future.add_errback(lambda error: translated.failure(_as_connection_error(error)))
        return translated


class Consumer(KafkaConsumer):  # type: ignore[misc]  # kafka-python ships no types
    """The consumer of every program."""

    def _poll_once(self, timer: Any, max_records: int, update_offsets: bool = True) -> Any:
        """Return the records of one fetch; without records, pause before the next fetch.

        The embedded Kafka answers a fetch without records at once and ignores `fetch_max_wait_ms`, and kafka-python
        sends the next fetch immediately: an idle consumer used a whole core.
        """
        started_s = time.monotonic()
        records = super()._poll_once(timer, max_records, update_offsets=update_offsets)
        if not records:
            time.sleep(pause_after_empty_fetch_s(time.monotonic() - started_s, timer.timeout_secs))
        return records


def pause_after_empty_fetch_s(since_fetch_s: float, left_s: float) -> float:
    """Return the seconds until the next fetch of a poll that ends in `left_s`.

    The last fetch is sent FETCH_ANSWER before the end. A fetch at the very end would be answered too late, and records
    that came during the last pause would wait for the next batch.
    """
    answer_s = time_limits.FETCH_ANSWER.seconds
    until_last_fetch_s = left_s - answer_s if left_s > answer_s else left_s
    return max(0.0, min(time_limits.EMPTY_FETCH.seconds - since_fetch_s, until_last_fetch_s))


def _as_connection_error(error: BaseException) -> BaseException:
    may_be_retried = isinstance(error, errors.RetriableError | errors.UnknownBrokerIdError | OSError)
    return errors.KafkaConnectionError(str(error)) if may_be_retried else error


def consumer_arguments(settings: Settings) -> dict[str, Any]:
    """Return the arguments of every consumer of the project; the caller adds the group and sizes."""
    bound_decompression()
    bound_polls()
    read_emptied_markers()
    return {
        **NETWORK,
        **connection_arguments(settings),
        "kafka_client": RepairedClient,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",  # where a program does not seek; TweetConsumer has another policy
        "allow_auto_create_topics": False,
        # Only with this isolation level does a look-up of committed offsets wait for pending transactions.
        "isolation_level": "read_committed",
    }


def discard(producer: KafkaProducer) -> None:
    """Stop a producer in any state; with an open batch, the producer's own close() raises and leaks its thread."""
    with silent_client():
        producer._sender.force_close()
        producer._sender.join(time_limits.CLOSE.seconds)
        with suppress(Exception):
            producer.close(timeout=0)


class _Silence:
    """How many blocks suppress the log of kafka-python at present, in all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks = 0
        self._level = logging.NOTSET

    def begin(self) -> None:
        with self._lock:
            if not self._blocks:
                self._level = _client_log.level
                _client_log.setLevel(logging.CRITICAL)
            self._blocks += 1

    def end(self) -> None:
        with self._lock:
            self._blocks -= 1
            if not self._blocks:
                _client_log.setLevel(self._level)


_silence = _Silence()


@contextmanager
def silent_client() -> Iterator[None]:
    """Suppress the log of kafka-python: a client that is closed logs its connections as lost."""
    _silence.begin()
    try:
        yield
    finally:
        _silence.end()
