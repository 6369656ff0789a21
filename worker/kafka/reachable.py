"""Checks before the first client connects: a broker answers and accepts the login, and crc32c is installed."""

import importlib.util
import logging
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

from worker import time_limits
from worker.errors import ExitCode, FatalError, TransientError
from worker.kafka.client import NETWORK, RepairedClient, silent_client
from worker.kafka.connection import connection_arguments
from worker.kafka.errors import translated
from worker.process.stop import StopRequest
from worker.settings import Settings

log = logging.getLogger(__name__)

_ADVICE: Final = "is it running, and are KAFKA_BOOTSTRAP_SERVERS and KAFKA_SECURITY_PROTOCOL right?"

_TLS_ADVICE: Final = {
    "CERTIFICATE_VERIFY_FAILED": "is KAFKA_SSL_CAFILE the authority of the broker's certificate, and does the "
    "certificate have this host name?",
    "CERTIFICATE_REQUIRED": "the broker requires a certificate of the client: set KAFKA_SSL_CERTFILE",
    "ALERT_BAD_CERTIFICATE": "the broker wants another certificate of the client, or requires one: check "
    "KAFKA_SSL_CERTFILE",
    "ALERT_UNKNOWN_CA": "the broker does not trust the authority of the client's certificate: check KAFKA_SSL_CERTFILE",
    "CERTIFICATE_EXPIRED": "the client's certificate has expired: renew the file of KAFKA_SSL_CERTFILE",
    "ALERT_CERTIFICATE_UNKNOWN": "the broker does not accept the client's certificate: check KAFKA_SSL_CERTFILE",
    "WRONG_VERSION_NUMBER": "the broker does not use TLS at this port: check KAFKA_SECURITY_PROTOCOL",
}
"""What to do after an error that has OpenSSL's name in its text."""


class KafkaUnreachableError(FatalError):
    """No broker has answered within time_limits.START; a program that can wait longer may retry."""


def check_crc32c() -> None:
    """Raise FatalError without the C package crc32c; the client would use a Python version, five times slower."""
    if importlib.util.find_spec("crc32c") is None:
        raise FatalError("the package crc32c is missing: pip install crc32c", ExitCode.SETTINGS)


class _AdvertisedAddressError(TransientError):
    """A broker answers at its bootstrap address; no broker does at the address that the brokers advertise."""


def wait_until_reachable(settings: Settings, stop: StopRequest | None = None) -> None:
    """Wait up to time_limits.START for a broker that answers and accepts the login, or until `stop` is set.

    The broker must answer at its advertised address too, which clients use after the first request. Logs a warning for
    each other broker that does not. Raises KafkaUnreachableError if no broker answers, FatalError if a broker refuses
    the login. A consumer or producer would report all these cases as "Unable to bootstrap".
    """
    stop = stop or threading.Event()
    with silent_client():  # the client logs three errors for every attempt
        _wait_until_reachable(settings, stop)


def _wait_until_reachable(settings: Settings, stop: StopRequest) -> None:
    deadline_s = time.monotonic() + time_limits.START.seconds
    waiting = False
    while not stop.is_set():
        try:
            _try_to_reach(settings)
            return
        except TransientError as error:
            if time.monotonic() >= deadline_s:
                raise KafkaUnreachableError(_refusal(error, settings), ExitCode.KAFKA) from None
            if not waiting:
                log.warning("waiting for Kafka at %s (%s)", settings.kafka_bootstrap_servers, error)
            waiting = True
            stop.wait(time_limits.START_RETRY_PAUSE.seconds)


def _refusal(error: TransientError, settings: Settings) -> str:
    if isinstance(error, _AdvertisedAddressError):
        return str(error)
    advice = next((advice for sign, advice in _TLS_ADVICE.items() if sign in str(error)), _ADVICE)
    return f"Kafka at {settings.kafka_bootstrap_servers} cannot be reached ({error}): {advice}"


def _try_to_reach(settings: Settings) -> None:
    client = RepairedClient(**(NETWORK | connection_arguments(settings)))
    try:
        problems = []
        for broker in client.cluster.bootstrap_brokers():
            problem = _problem(client, broker)
            if problem is None:
                _check_advertised_addresses(client, settings)
                return
            problems.append(problem)
    finally:
        client.close()
    raise _most_telling(problems, settings)


def _check_advertised_addresses(client: RepairedClient, settings: Settings) -> None:
    """Connect to every broker at the address that the metadata has, as the clients will."""
    brokers = client.cluster.brokers()
    problems = _unreachable(client, brokers)
    fault = _most_telling([problem for _, problem in problems], settings)
    if isinstance(fault, FatalError):
        raise fault
    texts = [
        f"Kafka at {settings.kafka_bootstrap_servers} answers, but the address {broker.host}:{broker.port} that broker "
        f"{broker.node_id} advertises cannot be reached from here ({problem}): set advertised.listeners of the broker "
        "to an address that this machine can reach"
        for broker, problem in problems
    ]
    if problems and len(problems) == len(brokers):
        raise _AdvertisedAddressError(texts[0])
    for text in texts:
        log.warning("%s, unless the broker is down", text)


def _most_telling(problems: Sequence[BaseException], settings: Settings) -> TransientError | FatalError:
    """Return the first refusal of the login if there is one, else an error with the reasons of all servers."""
    faults = [translated(problem, settings.kafka_bootstrap_servers) for problem in problems]
    refusals = [fault for fault in faults if isinstance(fault, FatalError)]
    return refusals[0] if refusals else TransientError("; ".join(map(str, faults)))


def _problem(client: RepairedClient, broker: Any) -> BaseException | None:
    """Connect to a bootstrap broker and read the metadata; return the error, None without one."""

    async def connect() -> None:
        await _connection(client, broker)
        # A broker that requires a login closes the connection at this request, not at the TLS handshake.
        await client.cluster.refresh_metadata(broker.node_id)

    try:
        client._manager.run(connect)
    except Exception as error:
        return error
    return None


def _unreachable(client: RepairedClient, brokers: Sequence[Any]) -> list[tuple[Any, BaseException]]:
    """Connect to all brokers at the same time; return those that cannot be reached, and the errors."""
    problems: list[tuple[Any, BaseException]] = []

    async def connect() -> None:
        connections = [(broker, _connection(client, broker)) for broker in brokers]
        for broker, connection in connections:
            try:
                await connection
            except Exception as error:
                problems.append((broker, error))

    client._manager.run(connect)
    return problems


def _connection(client: RepairedClient, broker: Any) -> Any:
    return client._manager.get_connection(
        broker.node_id,
        timeout_ms=time_limits.CONNECTION_SETUP_MAX.ms,
        pop_on_close=False,
        refresh_metadata_on_err=False,  # a look-up of metadata would open a connection while the client is closed
    )
