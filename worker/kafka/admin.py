"""The admin client of kafka-python, with its errors translated."""

from collections.abc import Iterator
from contextlib import contextmanager

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from worker import time_limits
from worker.kafka.client import RepairedClient
from worker.kafka.connection import connection_arguments
from worker.kafka.errors import translated
from worker.settings import Settings


@contextmanager
def admin_client(settings: Settings) -> Iterator[KafkaAdminClient]:
    """Connect for the block. Raises FatalError or TransientError."""
    try:
        admin = KafkaAdminClient(
            **connection_arguments(settings),
            kafka_client=RepairedClient,
            bootstrap_timeout_ms=time_limits.BOOTSTRAP.ms,
            request_timeout_ms=time_limits.ADMIN_REQUEST.ms,
        )
        try:
            yield admin
        finally:
            admin.close()
    except (KafkaError, TypeError, RuntimeError) as error:  # RuntimeError: the cluster has no controller
        raise translated(error, settings.kafka_bootstrap_servers) from error
