"""The Kafka and the Redis of a measurement, on the loopback address."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.kafka_server import KafkaStartError, kafka_server
from benchmarks.suite.errors import BenchmarkError
from benchmarks.suite.progress import say
from benchmarks.suite.waiting import wait_until
from deploy.local.children import Child
from deploy.local.embedded import START_DEADLINE_S, EmbeddedServers
from deploy.local.ports import LOOPBACK, free_ports

#: The embedded servers have nothing to write.
_STOP_S = 5.0


@dataclass(frozen=True, slots=True)
class Servers:
    """Addresses, and which Kafka it is: `apache` of KAFKA_HOME or `embedded`. Redis is always the embedded one."""

    kafka: str
    bootstrap: str
    redis_url: str


def check_kafka_home() -> None:
    """Raise BenchmarkError if KAFKA_HOME is set and no Apache Kafka can be started from it."""
    home = os.environ.get("KAFKA_HOME")
    if home and not any(Path(home).glob("libs/kafka*.jar")):
        raise BenchmarkError(f"KAFKA_HOME={home}: no libs/kafka*.jar in it; unset KAFKA_HOME for the embedded Kafka")
    if home and shutil.which("java") is None:
        raise BenchmarkError(f"KAFKA_HOME={home}: java is not installed; unset KAFKA_HOME for the embedded Kafka")


@contextmanager
def running_servers() -> Iterator[Servers]:
    """Start Kafka and Redis; end them after the block. Raises BenchmarkError or LocalError if one does not start."""
    with tempfile.TemporaryDirectory(prefix="emotion-bench-") as folder, _embedded(Path(folder)) as embedded:
        redis_url = f"redis://:{embedded.require_password()}@{LOOPBACK}:{embedded.redis_port}/0"
        if not os.environ.get("KAFKA_HOME"):
            yield Servers("embedded", embedded.bootstrap, redis_url)
            return
        say("starting the Apache Kafka of KAFKA_HOME ...")
        try:
            with kafka_server() as bootstrap:
                yield Servers("apache", bootstrap, redis_url)
        except (KafkaStartError, OSError, subprocess.CalledProcessError) as error:
            raise BenchmarkError(f"KAFKA_HOME={os.environ['KAFKA_HOME']}: Kafka did not start: {error}") from None


@contextmanager
def _embedded(folder: Path) -> Iterator[EmbeddedServers]:
    servers = EmbeddedServers(*free_ports(2))
    command = servers.command(folder / "servers")
    child = Child("embedded servers", command, env=os.environ, log=folder / "servers.log", stop_s=_STOP_S)
    try:
        wait_until(servers.ready, START_DEADLINE_S, "the embedded Kafka and Redis to answer", [child])
        yield servers
    finally:
        child.stop()
