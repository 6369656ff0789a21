"""Three real brokers that fail on demand."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import psutil
import pytest
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from kafka import KafkaAdminClient

from chaos.errors import ChaosError
from chaos.servers.broker import Broker
from chaos.servers.cluster import KafkaCluster
from chaos.servers.cluster_view import ClusterView
from chaos.servers.waiting import became_true
from chaos.stream_names import StreamNames
from tests.servers import eventually, kafka_home

NAMES: Final = StreamNames(partitions=3)
IN_SYNC_S: Final = 60.0
MOVED_S: Final = 30.0
DELIVERED_S: Final = 60.0
CUT_S: Final = 1.0
"""Without a fault some hundred records are acknowledged in this time."""

pytestmark = [pytest.mark.apache, pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cluster")


@contextmanager
def running(folder: Path) -> Iterator[KafkaCluster]:
    cluster = KafkaCluster(kafka_home(), folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


class Sender:
    """Sends numbers to all partitions through the proxies, as fast as they are acknowledged by all replicas."""

    def __init__(self, cluster: KafkaCluster) -> None:
        self.failures: list[KafkaError] = []
        self.delivered = 0
        self._stopped = threading.Event()
        self._producer = Producer(
            {
                "bootstrap.servers": cluster.bootstrap,
                "enable.idempotence": True,
                "socket.timeout.ms": 5000,
                "topic.metadata.refresh.interval.ms": 1000,
                "log_level": 0,
                "error_cb": lambda _error: None,
            }
        )
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def wait_for_more(self, records: int = 100) -> None:
        wanted = self.delivered + records
        eventually(lambda: self.delivered >= wanted, DELIVERED_S, f"{records} more records are acknowledged")

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()
        assert self._producer.flush(DELIVERED_S) == 0
        assert self.failures == []

    def _send(self) -> None:
        number = 0
        while not self._stopped.wait(0.001):
            self._producer.produce(
                NAMES.input, json.dumps(number).encode(), partition=number % NAMES.partitions, on_delivery=self._done
            )
            self._producer.poll(0)
            number += 1

    def _done(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.delivered += 1
        else:
            self.failures.append(error)


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Iterator[KafkaCluster]:
    with running(folder) as cluster:
        cluster.create_topics(NAMES)
        yield cluster


@pytest.fixture
def sender(cluster: KafkaCluster) -> Iterator[Sender]:
    """Start a client under test; at the end of the test everything that it sent was acknowledged."""
    wait_in_sync(cluster)
    sender = Sender(cluster)
    try:
        sender.wait_for_more()
        yield sender
    finally:
        sender.stop()


@pytest.fixture(scope="module")
def clients_view(cluster: KafkaCluster) -> Iterator[ClusterView]:
    """Ask where clients under test ask: a broker that is cut off gives no answer there, instead of an old one."""
    with closing(ClusterView(cluster.bootstrap)) as view:
        yield view


def wait_in_sync(cluster: KafkaCluster) -> None:
    eventually(cluster.in_sync, IN_SYNC_S, "every partition has three in-sync replicas")


def led_by_another(view: ClusterView, broker: Broker) -> None:
    """Wait until no partition of the input topic is led by this broker."""

    def moved() -> bool:
        try:
            leaders = [view.leader_of(NAMES.input, number) for number in range(NAMES.partitions)]
        except ChaosError:  # at present no broker leads a partition
            return False
        return broker.index not in leaders

    eventually(moved, MOVED_S, f"broker {broker.node} leads no partition")


def leader(cluster: KafkaCluster) -> Broker:
    return cluster.brokers[cluster.view.leader_of(NAMES.input, 0)]


def test_every_way_to_a_broker_but_the_direct_one_goes_through_a_proxy(cluster: KafkaCluster, sender: Sender) -> None:
    inside = {broker.ports[name]: broker for broker in cluster.brokers for name in ("CLIENTS", "BROKERS", "CONTROLLER")}
    connected = [
        (process.pid, inside[each.raddr.port])
        for process in map(psutil.Process, [*(broker.pid for broker in cluster.brokers), os.getpid()])
        for each in process.net_connections("tcp")
        if each.raddr and each.raddr.port in inside
    ]
    assert connected == []


def test_a_killed_broker_leads_nothing_until_it_is_back_in_sync(
    cluster: KafkaCluster, clients_view: ClusterView, sender: Sender
) -> None:
    broker = leader(cluster)
    broker.kill()
    assert not broker.running
    assert not cluster.in_sync()
    led_by_another(clients_view, broker)
    sender.wait_for_more()
    broker.restart()
    assert not cluster.in_sync()
    wait_in_sync(cluster)


def test_a_frozen_broker_leads_nothing_after_the_session_timeout(
    cluster: KafkaCluster, clients_view: ClusterView, sender: Sender
) -> None:
    broker = leader(cluster)
    broker.freeze()
    led_by_another(clients_view, broker)
    sender.wait_for_more()
    assert broker.running
    assert not cluster.in_sync()
    broker.thaw()
    wait_in_sync(cluster)


def test_a_broker_that_is_cut_off_leads_nothing_and_follows_again_afterwards(
    cluster: KafkaCluster, clients_view: ClusterView, sender: Sender
) -> None:
    broker = leader(cluster)
    broker.cut_off()
    led_by_another(clients_view, broker)
    sender.wait_for_more()
    assert not cluster.in_sync()
    broker.reconnect()
    wait_in_sync(cluster)


def test_clients_that_are_cut_off_continue_afterwards(cluster: KafkaCluster, sender: Sender) -> None:
    cluster.cut_off_client(os.getpid())
    wait_in_sync(cluster)
    before = sender.delivered
    assert not became_true(lambda: sender.delivered > before, CUT_S)
    cluster.reconnect_clients()
    sender.wait_for_more()


def test_reset_connections_lose_nothing(cluster: KafkaCluster, sender: Sender) -> None:
    for broker in cluster.brokers:
        broker.reset_connections()
        sender.wait_for_more(10)


def test_the_coordinator_of_a_transaction_is_the_one_that_kafka_names(cluster: KafkaCluster) -> None:
    wait_in_sync(cluster)
    ids = ["worker-0", "emotion-worker-ä-1", "x" * 40]
    for transactional_id in ids:
        producer = Producer({"bootstrap.servers": cluster.direct, "transactional.id": transactional_id})
        producer.init_transactions(DELIVERED_S)
    with KafkaAdminClient(bootstrap_servers=cluster.direct.split(",")) as admin:
        described = admin.describe_transactions(ids)
    assert {each: cluster.coordinator_of_transaction(each) + 1 for each in ids} == {
        each: described[each].coordinator_id for each in ids
    }


def test_a_folder_of_brokers_that_were_all_killed_is_started_on_other_ports(
    cluster: KafkaCluster, folder: Path
) -> None:
    sender = Sender(cluster)
    sender.wait_for_more()
    sender.stop()
    wait_in_sync(cluster)
    before = ends(cluster)
    for broker in cluster.brokers:
        broker.kill()
    cluster.stop()
    with running(folder) as again:
        again.create_topics(NAMES)
        wait_in_sync(again)
        assert again.direct != cluster.direct
        assert ends(again) == before
        assert sum(before) >= sender.delivered


def ends(cluster: KafkaCluster) -> list[int]:
    """Return how many records each partition of the input topic has."""
    consumer = Consumer({"bootstrap.servers": cluster.direct, "group.id": "ends"})
    try:
        partitions = [TopicPartition(NAMES.input, number) for number in range(NAMES.partitions)]
        return [consumer.get_watermark_offsets(each, timeout=DELIVERED_S)[1] for each in partitions]
    finally:
        consumer.close()
