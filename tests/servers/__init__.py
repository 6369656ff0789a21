"""Real servers, real workers and independent clients for the tests that need them."""

from tests.servers.stacks import ApacheStack, EmbeddedStack, Stack, kafka_home, running_stack
from tests.servers.topics import Message, create_topics, publish, read_committed, settings_of, unique_topics
from tests.servers.waiting import eventually
from tests.servers.workers import WorkerProcess

__all__ = [
    "ApacheStack",
    "EmbeddedStack",
    "Message",
    "Stack",
    "WorkerProcess",
    "create_topics",
    "eventually",
    "kafka_home",
    "publish",
    "read_committed",
    "running_stack",
    "settings_of",
    "unique_topics",
]
