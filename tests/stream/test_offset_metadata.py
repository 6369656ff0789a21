"""Offset metadata that is full, foreign, or larger than the brokers accept: the worker commits, or ends at once."""

from collections.abc import Iterator, Mapping
from typing import Final

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata

from tests.servers import ApacheStack, Stack, kafka_home, publish, running_stack, unique_topics
from tests.stream.programs import StartWorker
from tests.stream.tweets import sample_tweets
from tests.stream.verifier import Verifier
from tests.worker.test_metadata_limit import FULL, foreign_counts
from worker.errors import ExitCode

ENDS_S: Final = 60.0

pytestmark = pytest.mark.timeout(300)


def commit(env: Mapping[str, str], offset: int, metadata: str) -> None:
    """Commit an offset of partition 0, without joining the group; confluent-kafka sends bytes beyond the metadata."""
    consumer = KafkaConsumer(
        bootstrap_servers=env["KAFKA_BOOTSTRAP_SERVERS"], group_id=env["KAFKA_GROUP_ID"], enable_auto_commit=False
    )
    try:
        consumer.commit({TopicPartition(env["KAFKA_INPUT_TOPIC"], 0): OffsetAndMetadata(offset, metadata, -1)})
    finally:
        consumer.close(autocommit=False)


def last_line(log: str) -> str:
    """Return the line that says why a worker ended."""
    (line,) = [line for line in log.splitlines() if " CRITICAL " in line]
    return line


@pytest.mark.slow
def test_a_worker_ends_at_once_when_an_earlier_models_labels_fill_the_metadata(
    stack: Stack, start_worker: StartWorker
) -> None:
    env = unique_topics(stack, 1)
    publish(stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(20, partitions=1))
    commit(env, 0, foreign_counts(FULL).to_metadata())
    worker = start_worker(env)
    assert worker.wait(ENDS_S) == ExitCode.STATE
    line = last_line(worker.log)
    assert f"{env['KAFKA_INPUT_TOPIC']}[0]@0: " in line
    assert "old-label-000" in line
    assert "KAFKA_OFFSET_METADATA_MAX_BYTES" in line
    assert "rolling back" not in worker.log


@pytest.mark.slow
def test_4_kb_of_another_programs_metadata_do_not_stop_a_worker(stack: Stack, start_worker: StartWorker) -> None:
    env = unique_topics(stack, 1)
    publish(stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(20, partitions=1))
    commit(env, 0, "x" * 4_096)
    verifier = Verifier(stack, env)
    start_worker(env)
    verifier.wait_until_done(ENDS_S)
    assert len(verifier.check_all_done(20).labelled) == 20


class SmallMetadataStack(ApacheStack):
    """A broker that accepts less offset metadata than the counts of six emotions need."""

    def _broker_properties(self) -> str:
        return f"{super()._broker_properties()}offset.metadata.max.bytes=20\n"


@pytest.fixture(scope="module")
def small_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallMetadataStack]:
    with running_stack(SmallMetadataStack(tmp_path_factory.mktemp("small"), kafka_home())) as stack:
        yield stack


@pytest.mark.slow
@pytest.mark.apache
@pytest.mark.servers
def test_a_worker_ends_at_its_first_commit_when_the_brokers_limit_is_smaller(
    small_stack: SmallMetadataStack, start_worker: StartWorker
) -> None:
    env = unique_topics(small_stack, 1)
    publish(small_stack, env["KAFKA_INPUT_TOPIC"], sample_tweets(20, partitions=1))
    worker = start_worker(env)
    assert worker.wait(ENDS_S) == ExitCode.STATE
    assert "offset.metadata.max.bytes" in last_line(worker.log)
    assert "rolling back" not in worker.log
