"""The embedded servers: on the loopback address only, and what happens where they are not installed."""

import importlib.util
from pathlib import Path

import psutil
import pytest

from deploy.local.embedded import EmbeddedServers, kafka_answers, redis_answers
from deploy.local.errors import LocalError
from deploy.local.ports import LOOPBACK
from tests.ports import free_ports
from tests.servers import Message, Stack, publish, read_committed, unique_topics


def test_nothing_listens_beyond_the_loopback_address(embedded_stack: Stack) -> None:
    ports = {embedded_stack.kafka_port, embedded_stack.redis_port}
    listening = [each for each in psutil.net_connections("inet") if each.status == psutil.CONN_LISTEN]
    servers = {each.pid for each in listening if each.laddr.port in ports}
    assert len(servers) == 1
    assert {each.laddr.ip for each in listening if each.pid in servers} == {LOOPBACK}


def test_records_come_back_as_they_were(stack: Stack) -> None:
    topic = unique_topics(stack, partitions=3)["KAFKA_INPUT_TOPIC"]
    sent = [Message(b"value", b"key", (("a", b"1"), ("b", None)), partition=2), Message(None, b"key", partition=2)]
    publish(stack, topic, sent)
    read = read_committed(stack, topic)
    assert [(each.value, each.key, each.headers, each.partition) for each in read] == [
        (each.value, each.key, each.headers, each.partition) for each in sent
    ]


def test_ports_without_servers_do_not_answer() -> None:
    kafka_port, redis_port = free_ports(2)
    assert not kafka_answers(kafka_port)
    assert not redis_answers(redis_port)


def test_where_the_package_is_missing_another_way_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(LocalError, match="docker compose up") as caught:
        EmbeddedServers(1, 2).command(tmp_path)
    assert "\n" not in str(caught.value)
