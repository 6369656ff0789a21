"""Real servers, real workers and independent clients for the tests that need them."""

import base64
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar, cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka import Message as ClientMessage
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from deploy.local.children import Child
from deploy.local.embedded import EmbeddedServers, kafka_answers, redis_answers
from deploy.local.metrics import Metrics, answers, scrape
from deploy.local.ports import LOOPBACK
from tests.ports import free_ports

_T = TypeVar("_T")
_POLL_S: Final = 0.05
_SERVER_START_S: Final = 60.0
_CLIENT_S: Final = 60.0
_BIG_RECORD_BYTES: Final = 20 * 1024 * 1024


def eventually(condition: Callable[[], _T], deadline_s: float, what: str) -> _T:
    """Asks again and again until the answer is true, and returns it; the only way in which tests wait."""
    end_s = time.monotonic() + deadline_s
    while not (answer := condition()):
        assert time.monotonic() < end_s, f"within {deadline_s:g} s not true: {what}"
        time.sleep(_POLL_S)
    return answer


# Servers


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
        """Returns when both servers answer."""
        raise NotImplementedError

    def stop(self) -> None:
        """Ends everything that was started; all data is lost."""
        while self._children:
            self._children.pop().stop()

    def _spawn(self, name: str, command: Sequence[str], *, stop_s: float) -> Child:
        child = Child(name, command, env=os.environ, log=self.folder / f"{name}.log", stop_s=stop_s)
        self._children.append(child)
        return child


class EmbeddedStack(Stack):
    """The stack of `make demo`. It never notices a killed worker: what kills one needs an ApacheStack."""

    def __init__(self, folder: Path) -> None:
        kafka_port, redis_port = free_ports(2)
        super().__init__("embedded", folder, kafka_port=kafka_port, redis_port=redis_port)

    def start(self) -> None:
        servers = EmbeddedServers(self.kafka_port, self.redis_port)
        child = self._spawn("embedded", servers.command(self.folder / "data"), stop_s=5)
        eventually(_alive(child, servers.ready), _SERVER_START_S, "the embedded servers answer")


class ApacheStack(Stack):
    """One Apache Kafka broker of `kafka_home` and a redis-server which tests may stop, kill and start again."""

    def __init__(self, folder: Path, kafka_home: Path) -> None:
        kafka_port, redis_port, self._controller_port = free_ports(3)
        super().__init__("apache", folder, kafka_port=kafka_port, redis_port=redis_port)
        self._java = ["java", "-Xmx768m", "-XX:TieredStopAtLevel=1", "-cp", f"{kafka_home}/libs/*"]
        self._redis: Child | None = None

    def start(self) -> None:
        self._start_kafka()
        self.start_redis()

    def start_redis(self) -> None:
        """Starts an empty Redis on the same port as before; returns when it answers."""
        options = ["--bind", LOOPBACK, "--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        command = ["redis-server", "--port", str(self.redis_port), *options]
        self._redis = self._spawn("redis", command, stop_s=5)
        ready = _alive(self._redis, lambda: redis_answers(self.redis_port))
        eventually(ready, _SERVER_START_S, "redis-server answers")

    def stop_redis(self) -> None:
        """Ends Redis in an orderly way, without saving anything."""
        child = self._forget_redis()
        child.stop()

    def kill_redis(self) -> None:
        """Ends Redis with SIGKILL."""
        child = self._forget_redis()
        child.kill()
        eventually(lambda: child.exit_code is not None, 5, "redis-server is gone")

    def _forget_redis(self) -> Child:
        assert self._redis is not None, "Redis is not running"
        child, self._redis = self._redis, None
        self._children.remove(child)
        return child

    def _start_kafka(self) -> None:
        properties = self.folder / "server.properties"
        properties.write_text(self._broker_properties(), encoding="utf-8")
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        format_log = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(properties)]
        formatting = self._spawn("kafka-format", [*self._java, *format_log], stop_s=0)
        eventually(lambda: formatting.exit_code is not None, _SERVER_START_S, "Kafka's folder is formatted")
        assert formatting.exit_code == 0, formatting.log_tail()
        broker = self._spawn("kafka", [*self._java, "kafka.Kafka", str(properties)], stop_s=0)
        eventually(_alive(broker, lambda: kafka_answers(self.kafka_port)), _SERVER_START_S, "Kafka answers")

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


def missing_for_apache() -> str | None:
    """What keeps an ApacheStack from running here; None if nothing does."""
    home = os.environ.get("KAFKA_HOME")
    if not home:
        return "KAFKA_HOME is not set: it names the folder that holds Apache Kafka's libs"
    if not any(Path(home).glob("libs/kafka*.jar")):
        return f"KAFKA_HOME={home}: no libs/kafka*.jar in it"
    programs = [program for program in ("java", "redis-server") if shutil.which(program) is None]
    return f"not installed: {', '.join(programs)}" if programs else None


def _alive(child: Child, condition: Callable[[], bool]) -> Callable[[], bool]:
    """The condition, asked only as long as the child lives."""

    def ask() -> bool:
        child.check()
        return condition()

    return ask


# Topics and records


@dataclass(frozen=True, slots=True)
class Message:
    """A record as a client sends or reads it; a `partition` of None lets the client choose by key."""

    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    partition: int | None = None
    offset: int | None = None


def unique_topics(
    stack: Stack, partitions: int = 12, *, topic_config: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Creates three topics that nobody else uses; returns the environment of a worker that works on them."""
    name = uuid.uuid4().hex[:12]
    topics = {
        "KAFKA_INPUT_TOPIC": f"tweets-{name}",
        "KAFKA_OUTPUT_TOPIC": f"emotions-{name}",
        "KAFKA_DEAD_LETTER_TOPIC": f"dead-letter-{name}",
    }
    create_topics(stack, topics.values(), partitions, config=topic_config)
    return topics | {
        "KAFKA_BOOTSTRAP_SERVERS": stack.bootstrap,
        "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
        "KAFKA_GROUP_ID": f"group-{name}",
        "REDIS_URL": stack.redis_url,
        "REDIS_KEY_PREFIX": f"{{{name}}}",
        "METRICS_HOST": LOOPBACK,
    }


def create_topics(
    stack: Stack, names: Iterable[str], partitions: int, *, config: Mapping[str, str] | None = None
) -> None:
    """Returns when every partition of every topic has a leader."""
    admin = AdminClient({"bootstrap.servers": stack.bootstrap})
    new = [NewTopic(name, num_partitions=partitions, replication_factor=1, config=dict(config or {})) for name in names]
    for future in admin.create_topics(new).values():
        future.result(_CLIENT_S)

    def led() -> bool:
        topics = admin.list_topics(timeout=_CLIENT_S).topics
        described = [topics[topic.topic].partitions if topic.topic in topics else {} for topic in new]
        return all(
            len(each) == partitions and all(partition.leader >= 0 for partition in each.values()) for each in described
        )

    eventually(led, _CLIENT_S, "every partition has a leader")


def publish(stack: Stack, topic: str, records: Iterable[Message]) -> None:
    """Sends records with a client that is not the project's own; returns when Kafka has acknowledged all."""
    failures: list[KafkaError] = []
    producer = Producer(
        {
            "bootstrap.servers": stack.bootstrap,
            "enable.idempotence": True,
            "message.max.bytes": _BIG_RECORD_BYTES,
            "queue.buffering.max.messages": 1_000_000,
        }
    )

    def delivered(error: KafkaError | None, _message: ClientMessage) -> None:
        if error is not None:
            failures.append(error)

    for record in records:
        partition = -1 if record.partition is None else record.partition  # -1: the client chooses
        producer.produce(
            topic, record.value, record.key, partition, headers=list(record.headers), on_delivery=delivered
        )
        producer.poll(0)
    left = producer.flush(_CLIENT_S)
    assert (left, failures) == (0, []), f"{left} records unsent, {len(failures)} refused"


def read_committed(stack: Stack, topic: str) -> list[Message]:
    """Everything committed on a topic, partition by partition, read by a client that is not the project's own.

    It stops where each partition ends for a reader now: at its end, or before the first open transaction.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": stack.bootstrap,
            "group.id": f"reader-{uuid.uuid4().hex[:12]}",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.message.max.bytes": _BIG_RECORD_BYTES,
        }
    )
    try:
        return _read_to_ends(consumer, topic)
    finally:
        consumer.close()


def _read_to_ends(consumer: Consumer, topic: str) -> list[Message]:
    partitions = consumer.list_topics(topic, timeout=_CLIENT_S).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
    unread = set(partitions)
    found: list[Message] = []
    end_s = time.monotonic() + _CLIENT_S
    while unread:
        assert time.monotonic() < end_s, f"the ends of {topic} {sorted(unread)} not reached in {_CLIENT_S:g} s"
        for message in consumer.consume(1000, timeout=0.1):
            error = message.error()
            if error is None:
                found.append(_message(message))
            elif error.code() == KafkaError._PARTITION_EOF:
                unread.discard(message.partition())
            else:
                raise KafkaException(error)
    return sorted(found, key=lambda each: (each.partition, each.offset))


def _message(message: ClientMessage) -> Message:
    headers = cast(list[tuple[str, bytes | None]], message.headers() or [])
    return Message(message.value(), message.key(), tuple(headers), message.partition(), message.offset())


# Workers


class WorkerProcess:
    """A `python -m worker` in a process of its own."""

    def __init__(self, env: Mapping[str, str], folder: Path) -> None:
        (free_port,) = free_ports(1)
        self.port = int(env.get("METRICS_PORT", free_port))
        number = uuid.uuid4().hex[:8]
        self._child = Child(
            f"worker {number}",
            [sys.executable, "-m", "worker"],
            env={**os.environ, **env, "METRICS_PORT": str(self.port)},
            log=folder / f"worker-{number}.log",
            stop_s=20,
        )

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._child.exit_code

    @property
    def log(self) -> str:
        """All that it has written on stdout and stderr."""
        return self._child.log.read_text(encoding="utf-8", errors="replace")

    def wait_ready(self, deadline_s: float = 60) -> None:
        """Returns when its model is warm and it is a member of the group."""
        eventually(_alive(self._child, lambda: answers(self.port, "/readyz")), deadline_s, "the worker is ready")

    def metrics(self) -> Metrics:
        """What `/metrics` says now."""
        return scrape(self.port)

    def terminate(self, deadline_s: float = 15) -> int:
        """Sends SIGTERM, waits and returns the exit code."""
        self._child.terminate()
        return self.wait(deadline_s)

    def kill(self) -> None:
        """Ends it with SIGKILL, as a crash would."""
        self._child.kill()
        self.wait(5)

    def wait(self, deadline_s: float) -> int:
        """Waits for its end and returns the exit code."""
        eventually(lambda: self.exit_code is not None, deadline_s, "the worker has ended")
        assert self.exit_code is not None
        return self.exit_code
