"""The embedded broker: one small program from PyPI that speaks Kafka's and Redis' protocols.

It keeps everything in memory and is made for development: acknowledged records are lost when it is killed, and a
member of a consumer group that dies without leaving keeps its partitions.
"""

import importlib.util
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import redis
from kafka import KafkaAdminClient
from kafka.errors import KafkaError
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy.local.errors import LocalError
from deploy.local.ports import LOOPBACK

START_DEADLINE_S = 20.0
_PACKAGE = "noida_db"


@dataclass(frozen=True, slots=True)
class EmbeddedServers:
    """Where the embedded Kafka and Redis listen; always on the loopback address only."""

    kafka_port: int
    redis_port: int

    @property
    def bootstrap(self) -> str:
        """For KAFKA_BOOTSTRAP_SERVERS."""
        return f"{LOOPBACK}:{self.kafka_port}"

    @property
    def redis_url(self) -> str:
        """For REDIS_URL."""
        return f"redis://{LOOPBACK}:{self.redis_port}/0"

    def command(self, data: Path) -> list[str]:
        """The command line that serves both, with its files in `data`."""
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

    def ready(self) -> bool:
        """Whether both answer requests."""
        return redis_answers(self.redis_port) and kafka_answers(self.kafka_port)


def redis_answers(port: int) -> bool:
    """Whether a Redis on the loopback address answers."""
    with redis.Redis(host=LOOPBACK, port=port, socket_timeout=2, retry=Retry(NoBackoff(), 0)) as client:
        return _works(lambda: bool(client.ping()), redis.RedisError)


def kafka_answers(port: int) -> bool:
    """Whether a Kafka on the loopback address answers a request for its topics."""
    return _listening(port) and _works(lambda: _topics(port) is not None, KafkaError)


def _topics(port: int) -> list[str]:
    admin = KafkaAdminClient(
        bootstrap_servers=f"{LOOPBACK}:{port}", request_timeout_ms=5_000, bootstrap_timeout_ms=5_000
    )
    try:
        topics: list[str] = admin.list_topics()
        return topics
    finally:
        admin.close()


def _listening(port: int) -> bool:
    """Asked first, because a Kafka client logs a page of warnings about a port that nobody serves yet."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2):
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
            "the embedded Kafka and Redis (package noida-db) are not installed: "
            "pip install '.[local]' in the project's folder; on platforms without a wheel of it use: docker compose up"
        )
    binary = Path(folders[0]) / ("noida-db.exe" if os.name == "nt" else "noida-db")
    if not os.access(binary, os.X_OK):
        raise LocalError(f"{binary} cannot be run; reinstall noida-db, or use: docker compose up")
    return binary
