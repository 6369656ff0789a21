import pytest
from confluent_kafka import Consumer, TopicPartition

from chaos.errors import ChaosError
from chaos.stream.committed_offsets import GroupOffset, fetch_positions
from deploy.local.ports import LOOPBACK
from tests.ports import free_ports
from tests.servers import ApacheStack, unique_topics


def a_dead_broker() -> str:
    (port,) = free_ports(1)
    return f"{LOOPBACK}:{port}"


def test_the_coordinator_is_found_behind_a_broker_that_is_down(apache_stack: ApacheStack) -> None:
    env = unique_topics(apache_stack, 2)
    topic, group, brokers = (
        env["KAFKA_INPUT_TOPIC"],
        env["KAFKA_GROUP_ID"],
        f"{a_dead_broker()},{apache_stack.bootstrap}",
    )
    assert fetch_positions(brokers, group, topic, 2) == {}
    with Consumer({"bootstrap.servers": apache_stack.bootstrap, "group.id": group}) as consumer:
        consumer.commit(offsets=[TopicPartition(topic, 1, 7, metadata="counts ☀")], asynchronous=False)
    assert fetch_positions(brokers, group, topic, 2) == {1: GroupOffset(7, "counts ☀")}


def test_brokers_that_are_down_are_named_after_the_deadline() -> None:
    with pytest.raises(ChaosError, match=r"no coordinator of group g answers within 0\.1 s on 127\.0\.0\.1:"):
        fetch_positions(a_dead_broker(), "g", "tweets", 2, deadline_s=0.1)
