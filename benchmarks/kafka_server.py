"""A Kafka for a measurement: an Apache Kafka of KAFKA_HOME in a temporary folder, or the one in the settings."""

import base64
import os
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from worker.settings import load_settings

#: The JVM needs about five seconds; the rest is for a busy machine.
_START_S: Final = 90.0

#: A killed JVM ends within a second.
_END_S: Final = 10.0

_HOST: Final = "127.0.0.1"


class KafkaStartError(RuntimeError):
    """The broker ended, or does not listen; the text is the last line of its log."""


@contextmanager
def kafka_server() -> Iterator[str]:
    """Yield the bootstrap address of a Kafka.

    With KAFKA_HOME, the folder that holds Apache Kafka's `libs`, start a broker and end it after the block; without it,
    use KAFKA_BOOTSTRAP_SERVERS. Raises KafkaStartError if the broker does not start.
    """
    home = os.environ.get("KAFKA_HOME")
    if not home:
        yield load_settings().kafka_bootstrap_servers
        return
    java = ["java", "-Xmx768m", "-XX:TieredStopAtLevel=1", "-cp", f"{Path(home).resolve()}/libs/*"]
    with tempfile.TemporaryDirectory() as folder:
        port, properties = _free_port(), Path(folder) / "server.properties"
        properties.write_text(_properties(port, _free_port(), folder), encoding="utf-8")
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        log_path = Path(folder) / "kafka.log"
        with log_path.open("w", encoding="utf-8") as log:
            form = [*java, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(properties)]
            subprocess.run(form, stdout=log, stderr=log, check=True)
            broker = subprocess.Popen([*java, "kafka.Kafka", str(properties)], stdout=log, stderr=log)
        try:
            _wait_until_it_listens(broker, port, log_path)
            yield f"{_HOST}:{port}"
        finally:
            broker.kill()
            broker.wait(_END_S)


def _wait_until_it_listens(broker: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    ends_s = time.monotonic() + _START_S
    while time.monotonic() < ends_s and broker.poll() is None:
        try:
            socket.create_connection((_HOST, port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise KafkaStartError(lines[-1] if lines else "no output")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((_HOST, 0))
        port: int = free.getsockname()[1]
        return port


def _properties(port: int, controller: int, folder: str) -> str:
    return f"""
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{_HOST}:{controller}
listeners=PLAINTEXT://{_HOST}:{port},CONTROLLER://{_HOST}:{controller}
advertised.listeners=PLAINTEXT://{_HOST}:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={folder}/kafka
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""
