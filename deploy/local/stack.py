"""Start the embedded servers, the topics, one worker and the live page, in this order."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from deploy.local import redis_relay
from deploy.local.embedded import START_DEADLINE_S, EmbeddedServers
from deploy.local.metrics import answers
from deploy.local.ports import LOOPBACK, free_ports
from deploy.local.progress import say
from deploy.local.supervisor import Supervisor
from worker.settings import Settings

#: Each of these steps takes seconds; the deadline is for a busy machine with a cold disk.
_TOPICS_DEADLINE_S: Final = 60.0
_WORKER_DEADLINE_S: Final = 120.0  # the worker loads the model
_PAGE_DEADLINE_S: Final = 60.0

#: Longer than the worker's own limit for draining.
_WORKER_STOP_S: Final = 15.0
#: The embedded servers have nothing to write.
_SERVERS_STOP_S: Final = 5.0

INPUT_TOPIC: Final = "tweets"
OUTPUT_TOPIC: Final = "tweets.emotions"
DEAD_LETTER_TOPIC: Final = "tweets.dead-letter"
CHECKPOINT_TOPIC: Final = "tweets.checkpoints"
KEY_PREFIX: Final = "{emotion}"


@dataclass(frozen=True, slots=True)
class LocalStack:
    """The ports of the stack's programs, all on the loopback address; Redis' port is that of the relay before Redis."""

    servers: EmbeddedServers
    metrics_port: int
    page_port: int
    topics_file: Path | None = None
    """The file of tweet topics; None: the user's own, if there is one."""

    @property
    def page(self) -> str:
        """The URL of the live page."""
        return f"http://{LOOPBACK}:{self.page_port}"

    @property
    def environment(self) -> dict[str, str]:
        """The settings that connect a program to this stack; they override the user's environment and `.env`."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.servers.bootstrap,
            "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
            "KAFKA_GROUP_ID": "emotion-worker",
            "KAFKA_INPUT_TOPIC": INPUT_TOPIC,
            "KAFKA_OUTPUT_TOPIC": OUTPUT_TOPIC,
            "KAFKA_DEAD_LETTER_TOPIC": DEAD_LETTER_TOPIC,
            "KAFKA_CHECKPOINT_TOPIC": CHECKPOINT_TOPIC,
            "REDIS_URL": self.servers.redis_url,
            "REDIS_URL_FILE": "",
            "REDIS_SSL_CAFILE": "",
            "REDIS_SSL_CERTFILE": "",
            "REDIS_SSL_KEYFILE": "",
            "REDIS_KEY_PREFIX": KEY_PREFIX,
            "METRICS_HOST": LOOPBACK,
            "METRICS_PORT": str(self.metrics_port),
            "DASHBOARD_HOST": LOOPBACK,
            "DASHBOARD_PORT": str(self.page_port),
            **({} if self.topics_file is None else {"TOPICS_FILE": str(self.topics_file)}),
        }

    @property
    def settings(self) -> Settings:
        """The settings of this stack's worker: `environment`, and the user's own for everything else."""
        values: dict[str, Any] = {name.lower(): value or None for name, value in self.environment.items()}
        return Settings(**values)

    def start(self, supervisor: Supervisor) -> None:
        """Start everything; return when the worker is ready and the live page answers.

        Raises LocalError if a program ends or misses its deadline.
        """
        say("starting the embedded Kafka and Redis ...")
        self._start_servers(supervisor)

        say("creating the topics ...")
        supervisor.run(
            "create-topics",
            program("worker", "create-topics"),
            env=self.environment,
            deadline_s=_TOPICS_DEADLINE_S,
        )

        say("starting a worker, which loads the model ...")
        supervisor.start("worker", program("worker"), env=self.environment, stop_s=_WORKER_STOP_S)
        supervisor.wait(lambda: answers(self.metrics_port, "/readyz"), _WORKER_DEADLINE_S, "the worker to be ready")

        supervisor.start("dashboard", program("dashboard"), env=self.environment)
        supervisor.wait(lambda: answers(self.page_port, "/healthz"), _PAGE_DEADLINE_S, "the live page to answer")

    def _start_servers(self, supervisor: Supervisor) -> None:
        """Start both servers, with Redis on a free port, and the relay on the port of `servers`."""
        (redis_port,) = free_ports(1)
        servers = replace(self.servers, redis_port=redis_port)
        command = servers.command(supervisor.folder / "servers")
        supervisor.start("embedded servers", command, stop_s=_SERVERS_STOP_S)
        supervisor.wait(servers.ready, START_DEADLINE_S, "the embedded Kafka and Redis to answer")
        relay = redis_relay.command(self.servers.redis_port, redis_port)
        supervisor.start("redis relay", relay, env=redis_relay.environment(servers.require_password()))
        supervisor.wait(self.servers.ready, START_DEADLINE_S, "the relay before the embedded Redis to answer")


def program(module: str, *arguments: str) -> list[str]:
    """Return the command line of one of this project's programs, run by the same Python."""
    return [sys.executable, "-m", module, *arguments]
