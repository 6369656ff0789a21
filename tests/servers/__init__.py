"""Real servers, real workers and independent clients for the tests that need them."""

from tests.servers.stacks import ApacheStack, EmbeddedStack, Stack, missing_for_apache
from tests.servers.topics import Message, create_topics, publish, read_committed, unique_topics
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
    "missing_for_apache",
    "publish",
    "read_committed",
    "unique_topics",
]
