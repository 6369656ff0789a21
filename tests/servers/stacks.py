"""Real servers: an embedded Kafka and Redis, and an Apache Kafka with a redis-server."""

import base64
import os
import shutil
import signal
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import pytest

from deploy.local.children import Child
from deploy.local.embedded import EmbeddedServers, kafka_answers, redis_answers
from deploy.local.ports import LOOPBACK
from tests.ports import free_ports
from tests.servers.waiting import eventually, while_alive

_SERVER_START_S: Final = 60.0
"""Seconds until a server must answer: a JVM takes some of them on a busy machine."""


class Stack:
    """A running Kafka and Redis; `kind` is `embedded` or `apache`."""

    def __init__(self, kind: str, folder: Path, *, kafka_port: int, redis_port: int) -> None:
        self.kind = kind
        self.folder = folder
        self.kafka_port = kafka_port
        self.redis_port = redis_port
        self.bootstrap = f"{LOOPBACK}:{kafka_port}"
        self.redis_url = f"redis://{LOOPBACK}:{redis_port}/0"
        self._children: list[Child] = []

    def start(self) -> None:
        """Start both servers; return when both answer."""
        raise NotImplementedError

    def stop(self) -> None:
        """End everything that was started; all data is lost."""
        while self._children:
            self._children.pop().stop()

    def _spawn(self, name: str, command: Sequence[str], *, stop_s: float) -> Child:
        child = Child(name, command, env=os.environ, log=self.folder / f"{name}.log", stop_s=stop_s)
        self._children.append(child)
        return child


StackT = TypeVar("StackT", bound=Stack)


class EmbeddedStack(Stack):
    """The stack of `make demo`. Its Kafka never notices a killed worker: a test that kills one needs an ApacheStack."""

    def __init__(self, folder: Path) -> None:
        kafka_port, redis_port = free_ports(2)
        super().__init__("embedded", folder, kafka_port=kafka_port, redis_port=redis_port)

    def start(self) -> None:
        servers = EmbeddedServers(self.kafka_port, self.redis_port)
        child = self._spawn("embedded", servers.command(self.folder / "data"), stop_s=5)
        eventually(while_alive(child, servers.ready), _SERVER_START_S, "the embedded servers answer")


class ApacheStack(Stack):
    """One Apache Kafka broker of `kafka_home` and a redis-server which tests may stop, kill and start again."""

    def __init__(self, folder: Path, kafka_home: Path) -> None:
        kafka_port, redis_port, self._controller_port = free_ports(3)
        super().__init__("apache", folder, kafka_port=kafka_port, redis_port=redis_port)
        self._java = ["java", "-Xmx768m", "-XX:TieredStopAtLevel=1", "-cp", f"{kafka_home}/libs/*"]
        self._redis: Child | None = None
        self._broker: Child | None = None

    def start(self) -> None:
        self._broker = self._start_kafka()
        self.start_redis()

    def start_redis(self) -> None:
        """Start an empty Redis on the same port as before; return when Redis answers."""
        options = ["--bind", LOOPBACK, "--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        command = ["redis-server", "--port", str(self.redis_port), *options]
        self._redis = self._spawn("redis", command, stop_s=5)
        ready = while_alive(self._redis, lambda: redis_answers(self.redis_port))
        eventually(ready, _SERVER_START_S, "redis-server answers")

    def stop_redis(self) -> None:
        """End Redis with SIGTERM, without saving anything."""
        child = self._forget_redis()
        child.stop()

    def kill_redis(self) -> None:
        """End Redis with SIGKILL."""
        child = self._forget_redis()
        child.kill()
        eventually(lambda: child.exit_code is not None, 5, "redis-server is gone")

    @contextmanager
    def frozen_kafka(self) -> Iterator[None]:
        """Stop the broker with SIGSTOP during the block: its connections stay open, and nothing is answered."""
        assert self._broker is not None, "Kafka is not running"
        os.kill(self._broker.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._broker.pid, signal.SIGCONT)

    def _forget_redis(self) -> Child:
        assert self._redis is not None, "Redis is not running"
        child, self._redis = self._redis, None
        self._children.remove(child)
        return child

    def _start_kafka(self) -> Child:
        properties = self.folder / "server.properties"
        properties.write_text(self._broker_properties(), encoding="utf-8")
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        format_log = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(properties)]
        formatting = self._spawn("kafka-format", [*self._java, *format_log], stop_s=0)
        eventually(lambda: formatting.exit_code is not None, _SERVER_START_S, "Kafka's folder is formatted")
        assert formatting.exit_code == 0, formatting.log_tail()
        broker = self._spawn("kafka", [*self._java, "kafka.Kafka", str(properties)], stop_s=0)
        eventually(while_alive(broker, lambda: kafka_answers(self.kafka_port)), _SERVER_START_S, "Kafka answers")
        return broker

    def _broker_properties(self) -> str:
        properties = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{LOOPBACK}:{self._controller_port}",
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{LOOPBACK}:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "log.dirs": self.folder / "kafka",
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 8,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.num.partitions": 8,
            "transaction.state.log.min.isr": 1,
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
            "transaction.partition.verification.enable": "true",
            "broker.session.timeout.ms": 5000,
            "broker.heartbeat.interval.ms": 1000,
            "group.initial.rebalance.delay.ms": 0,
            "auto.create.topics.enable": "false",
        }
        return "".join(f"{name}={value}\n" for name, value in properties.items())


def kafka_home() -> Path:
    """Return the folder that holds Apache Kafka. Skips the test without KAFKA_HOME; fails if KAFKA_HOME is unusable."""
    home = os.environ.get("KAFKA_HOME")
    if not home:
        pytest.skip("KAFKA_HOME is not set: it names the folder that holds Apache Kafka's libs")
    assert any(Path(home).glob("libs/kafka*.jar")), f"KAFKA_HOME={home}: no libs/kafka*.jar in it"
    missing = [program for program in ("java", "redis-server") if shutil.which(program) is None]
    assert not missing, f"not installed: {', '.join(missing)}"
    return Path(home).resolve()


@contextmanager
def running_stack(stack: StackT) -> Iterator[StackT]:
    """Start a stack that ends with the block."""
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
