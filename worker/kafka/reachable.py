"""The checks before the first client: a broker answers and accepts the login, and the fast checksums are installed."""

import importlib.util
import logging
import threading
import time
from typing import Any, Final

from kafka import errors

from worker.errors import ExitCode, FatalError, TransientError
from worker.kafka.client import NETWORK, SETUP_TIMEOUT_MAX_MS, RepairedClient, silent_client
from worker.kafka.errors import translated
from worker.process.stop import StopRequest
from worker.settings import Settings

log = logging.getLogger(__name__)

START_LIMIT_S: Final = 15.0


class KafkaUnreachableError(FatalError):
    """No broker has answered within START_LIMIT_S; a program that can wait longer may retry."""


def check_crc32c() -> None:
    """Raises FatalError without the C package crc32c; the client would fall back to one that is five times slower."""
    if importlib.util.find_spec("crc32c") is None:
        raise FatalError("the package crc32c is missing: pip install crc32c", ExitCode.SETTINGS)


def wait_until_reachable(settings: Settings, stop: StopRequest | None = None) -> None:
    """Waits up to START_LIMIT_S for a broker that answers and accepts the login, unless `stop` is set meanwhile.

    Raises FatalError that says what is wrong; a consumer or producer would only say that it is unable to bootstrap.
    """
    stop = stop or threading.Event()
    with silent_client():  # it would log three errors for every attempt
        _wait_until_reachable(settings, stop)


def _wait_until_reachable(settings: Settings, stop: StopRequest) -> None:
    gives_up_at_s = time.monotonic() + START_LIMIT_S
    waiting = False
    while not stop.is_set():
        try:
            _try_to_reach(settings)
            return
        except TransientError as fault:
            if time.monotonic() >= gives_up_at_s:
                raise KafkaUnreachableError(
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
