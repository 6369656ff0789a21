"""Embedded servers, topics, one worker and the live page, started in this order."""

import sys
from dataclasses import dataclass
from typing import Final

from deploy.local.embedded import START_DEADLINE_S, EmbeddedServers
from deploy.local.metrics import answers
from deploy.local.ports import LOOPBACK
from deploy.local.progress import say
from deploy.local.supervisor import Supervisor

_TOPICS_DEADLINE_S: Final = 60.0
_WORKER_DEADLINE_S: Final = 120.0  # a cold disk may take its time over the model
_WORKER_STOP_S: Final = 15.0  # it may finish the batch in hand
_PAGE_DEADLINE_S: Final = 60.0
_SERVERS_STOP_S: Final = 5.0

INPUT_TOPIC: Final = "tweets"
OUTPUT_TOPIC: Final = "tweets.emotions"
DEAD_LETTER_TOPIC: Final = "tweets.dead-letter"
KEY_PREFIX: Final = "{emotion}"


@dataclass(frozen=True, slots=True)
class LocalStack:
    """Where everything listens; all of it on the loopback address."""

    servers: EmbeddedServers
    metrics_port: int
    page_port: int

    @property
    def page(self) -> str:
        """The live page's address."""
        return f"http://{LOOPBACK}:{self.page_port}"

    @property
    def environment(self) -> dict[str, str]:
        """What programs need to find this stack, whatever the user's environment or `.env` says."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.servers.bootstrap,
            "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
            "KAFKA_GROUP_ID": "emotion-worker",
            "KAFKA_INPUT_TOPIC": INPUT_TOPIC,
            "KAFKA_OUTPUT_TOPIC": OUTPUT_TOPIC,
            "KAFKA_DEAD_LETTER_TOPIC": DEAD_LETTER_TOPIC,
            "REDIS_URL": self.servers.redis_url,
            "REDIS_URL_FILE": "",
            "REDIS_KEY_PREFIX": KEY_PREFIX,
            "METRICS_HOST": LOOPBACK,
            "METRICS_PORT": str(self.metrics_port),
            "DASHBOARD_HOST": LOOPBACK,
            "DASHBOARD_PORT": str(self.page_port),
        }

    def start(self, supervisor: Supervisor) -> None:
        """Returns when the worker is ready for the first tweet and the page for the first visitor."""
        say("starting the embedded Kafka and Redis ...")
        command = self.servers.command(supervisor.folder / "servers")
        supervisor.start("embedded servers", command, stop_s=_SERVERS_STOP_S)
        supervisor.wait(self.servers.ready, START_DEADLINE_S, "the embedded Kafka and Redis to answer")

        say("creating the topics ...")
        supervisor.run(
            "create-topics",
            program("worker", "create-topics"),
            env=self.environment,
            deadline_s=_TOPICS_DEADLINE_S,
        )

        say("starting a worker: loading the model ...")
        supervisor.start("worker", program("worker"), env=self.environment, stop_s=_WORKER_STOP_S)
        supervisor.wait(lambda: answers(self.metrics_port, "/readyz"), _WORKER_DEADLINE_S, "the worker to be ready")

        supervisor.start("dashboard", program("dashboard"), env=self.environment)
        supervisor.wait(lambda: answers(self.page_port, "/healthz"), _PAGE_DEADLINE_S, "the live page to answer")


def program(module: str, *arguments: str) -> list[str]:
    """The command line of one of this project's programs, run by the same Python."""
    return [sys.executable, "-m", module, *arguments]
