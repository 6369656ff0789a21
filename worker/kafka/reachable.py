"""Checks before the first client connects: a broker answers and accepts the login, and crc32c is installed."""

import importlib.util
import logging
import threading
import time
from typing import Any

from kafka import errors

from worker import time_limits
from worker.errors import ExitCode, FatalError, TransientError
from worker.kafka.client import NETWORK, RepairedClient, silent_client
from worker.kafka.errors import translated
from worker.process.stop import StopRequest
from worker.settings import Settings

log = logging.getLogger(__name__)


class KafkaUnreachableError(FatalError):
    """No broker has answered within time_limits.START; a program that can wait longer may retry."""


def check_crc32c() -> None:
    """Raise FatalError without the C package crc32c; the client would use a Python version, five times slower."""
    if importlib.util.find_spec("crc32c") is None:
        raise FatalError("the package crc32c is missing: pip install crc32c", ExitCode.SETTINGS)


def wait_until_reachable(settings: Settings, stop: StopRequest | None = None) -> None:
    """Wait up to time_limits.START for a broker that answers and accepts the login, or until `stop` is set.

    Raises KafkaUnreachableError if no broker answers, FatalError if a broker refuses the login. A consumer or producer
    would report both cases as "Unable to bootstrap".
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
                raise KafkaUnreachableError(
                    f"Kafka at {settings.kafka_bootstrap_servers} cannot be reached ({error}): is it running, and are "
                    "KAFKA_BOOTSTRAP_SERVERS and KAFKA_SECURITY_PROTOCOL right?",
                    ExitCode.KAFKA,
                ) from None
            if not waiting:
                log.warning("waiting for Kafka at %s (%s)", settings.kafka_bootstrap_servers, error)
            waiting = True
            stop.wait(time_limits.START_RETRY_PAUSE.seconds)


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
        await client._manager.get_connection(
            broker.node_id, timeout_ms=time_limits.CONNECTION_SETUP_MAX.ms, pop_on_close=False
        )
        # A broker that requires a login closes the connection at this request, not at the TLS handshake.
        await client.cluster.refresh_metadata(broker.node_id)

    try:
        client._manager.run(connect)
    except Exception as error:
        return error
    return None
