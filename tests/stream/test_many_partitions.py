"""Many partitions and a broker with a round trip of 20 ms: a worker restores all partitions together."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka import Consumer, TopicPartition

from deploy.local.ports import free_ports
from tests.servers import ApacheStack, Message, kafka_home, publish, running_stack, settings_of, unique_topics
from tests.stream.relay import Relay
from worker.counts import RunningCounts
from worker.kafka.stream import KafkaStream
from worker.membership import Membership
from worker.process.watchdog import Watchdog

PARTITIONS: Final = 200
ROUND_TRIP_S: Final = 0.02

pytestmark = [pytest.mark.timeout(300), pytest.mark.apache, pytest.mark.servers, pytest.mark.slow]


class DistantStack(ApacheStack):
    """A broker that clients reach through a relay only: the broker advertises the port of the relay."""

    def __init__(self, folder: Path, kafka_home: Path) -> None:
        super().__init__(folder, kafka_home)
        (self.relay_port,) = free_ports(1)
        self.relay: Relay

    def _broker_properties(self) -> str:
        listener = "advertised.listeners=PLAINTEXT://127.0.0.1:"
        return super()._broker_properties().replace(f"{listener}{self.kafka_port}", f"{listener}{self.relay_port}")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DistantStack]:
    stack = DistantStack(tmp_path_factory.mktemp("distant"), kafka_home())
    with Relay(stack.relay_port, stack.kafka_port, 0.0) as relay, running_stack(stack):
        stack.bootstrap = f"127.0.0.1:{stack.relay_port}"
        stack.relay = relay
        yield stack


def commit_half(stack: DistantStack, env: dict[str, str]) -> None:
    """Commit an offset and counts in each partition with an even number, without joining the group."""
    consumer = Consumer({"bootstrap.servers": stack.bootstrap, "group.id": env["KAFKA_GROUP_ID"]})
    metadata = RunningCounts({"joy": 1}).to_metadata()
    topic = env["KAFKA_INPUT_TOPIC"]
    offsets = [TopicPartition(topic, number, 1, metadata) for number in range(0, PARTITIONS, 2)]
    consumer.commit(offsets=offsets, asynchronous=False)
    consumer.close()


def joined(stream: KafkaStream) -> Membership:
    ends_at_s = time.monotonic() + 60
    while time.monotonic() < ends_at_s:
        membership = stream.poll(timeout_s=0.5, max_records=1).membership
        if membership.joined and len(membership.partitions) == PARTITIONS:
            return membership
    raise AssertionError("the worker did not join the group")


def test_200_partitions_are_restored_within_two_seconds(stack: DistantStack) -> None:
    env = unique_topics(stack, PARTITIONS)
    publish(stack, env["KAFKA_INPUT_TOPIC"], [Message(b"{}", partition=number) for number in range(PARTITIONS)])
    commit_half(stack, env)
    settings = settings_of(env)
    stack.relay.delay_s = ROUND_TRIP_S
    stream = KafkaStream(settings, max_record_bytes=1_000_000, watchdog=Watchdog())
    try:
        membership = joined(stream)
        began_s = time.monotonic()
        offsets = stream.restore(membership)
        took_s = time.monotonic() - began_s
    finally:
        stream.close()
        stack.relay.delay_s = 0.0
    assert [at.committed.offset if at.committed else at.first for at in offsets.values()] == [1, 0] * (PARTITIONS // 2)
    assert took_s < 2
