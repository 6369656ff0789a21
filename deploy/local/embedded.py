"""The embedded servers: noida-db, one small program from PyPI that implements Kafka's and Redis' protocols.

The program keeps all data in memory and is made for development. Acknowledged records are lost when the program is
killed, and a group member that dies without leaving the group keeps its partitions.

Besides the ports of Kafka and Redis the program opens a third port, for its own commands (`noida-db status`), on a free
port of the loopback address. This port answers only requests with the token in `noida.control.json` in the data folder;
the folder belongs to the user who started the program.
"""

import importlib.util
import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import redis
from kafka import KafkaAdminClient
from kafka.errors import KafkaError
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy.local.errors import LocalError
from deploy.local.ports import LOOPBACK

#: The servers answer within a second; the rest is for a busy machine.
START_DEADLINE_S: Final = 20.0

#: One request to a server on this machine; a busy machine may need seconds.
_ANSWER_TIMEOUT_S: Final = 2.0
_KAFKA_TIMEOUT_MS: Final = 5_000

_PACKAGE: Final = "noida_db"


@dataclass(frozen=True, slots=True)
class EmbeddedServers:
    """The ports of the embedded Kafka and Redis, which listen on the loopback address only."""

    kafka_port: int
    redis_port: int

    @property
    def bootstrap(self) -> str:
        """The value for KAFKA_BOOTSTRAP_SERVERS."""
        return f"{LOOPBACK}:{self.kafka_port}"

    @property
    def redis_url(self) -> str:
        """The value for REDIS_URL."""
        return f"redis://{LOOPBACK}:{self.redis_port}/0"

    def command(self, data: Path) -> list[str]:
        """Return the command line that starts both servers with their files in the folder `data`.

        Raises LocalError if the package is not installed or its program cannot be run.
        """
        ports = ["--kafka-port", str(self.kafka_port), "--redis-port", str(self.redis_port)]
        return [
            str(_binary()),
            "start",
            "--data-dir",
            str(data),
            "--host",
            LOOPBACK,
            "--only",
            "kafka,redis",
            *ports,
        ]

    def require_password(self) -> str:
        """Let Redis require a random password from now on; return the password.

        The program has no option for a password, so the ports are open between its start and this call, and empty.
        """
        password = secrets.token_hex(16)
        with redis.Redis(host=LOOPBACK, port=self.redis_port, socket_timeout=_ANSWER_TIMEOUT_S) as client:
            client.config_set("requirepass", password)
        return password

    def ready(self) -> bool:
        """Return whether both servers answer requests."""
        return redis_answers(self.redis_port) and kafka_answers(self.kafka_port)


def redis_answers(port: int) -> bool:
    """Return whether a Redis on the loopback address answers."""
    with redis.Redis(host=LOOPBACK, port=port, socket_timeout=_ANSWER_TIMEOUT_S, retry=Retry(NoBackoff(), 0)) as client:
        return _works(lambda: bool(client.ping()), redis.RedisError)


def kafka_answers(port: int) -> bool:
    """Return whether a Kafka on the loopback address answers a request for its topics."""
    return _listening(port) and _works(lambda: _topics(port) is not None, KafkaError)


def _topics(port: int) -> list[str]:
    admin = KafkaAdminClient(
        bootstrap_servers=f"{LOOPBACK}:{port}",
        request_timeout_ms=_KAFKA_TIMEOUT_MS,
        bootstrap_timeout_ms=_KAFKA_TIMEOUT_MS,
    )
    try:
        topics: list[str] = admin.list_topics()
        return topics
    finally:
        admin.close()


def _listening(port: int) -> bool:
    """Return whether a program listens; a Kafka client would log a page of warnings about a port without one."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=_ANSWER_TIMEOUT_S):
            return True
    except OSError:
        return False


def _works(attempt: Callable[[], bool], failure: type[Exception]) -> bool:
    try:
        return attempt()
    except failure:
        return False


def _binary() -> Path:
    found = importlib.util.find_spec(_PACKAGE)
    folders = list(found.submodule_search_locations or []) if found else []
    if not folders:
        raise LocalError(
            "the embedded Kafka and Redis (package noida-db) are not installed: run pip install '.[local]' in the "
            "project's folder; on platforms for which noida-db has no wheel, run: docker compose up"
        )
    binary = Path(folders[0]) / ("noida-db.exe" if os.name == "nt" else "noida-db")
    if not os.access(binary, os.X_OK):
        raise LocalError(f"{binary} cannot be run: reinstall the package noida-db, or run: docker compose up")
    return binary
