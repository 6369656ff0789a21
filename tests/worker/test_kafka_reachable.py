"""The check before the first client: the brokers answer at the addresses that they advertise."""

import logging
import socket
from collections.abc import Iterator

import pytest
from kafka.cluster import ClusterMetadata
from kafka.protocol.metadata import MetadataResponse

from tests.servers import Stack
from worker import time_limits
from worker.errors import ExitCode
from worker.kafka.reachable import KafkaUnreachableError, wait_until_reachable
from worker.settings import Settings
from worker.time_limits import TimeLimit


@pytest.fixture
def lost_address() -> Iterator[str]:
    with socket.socket() as bound:  # bound and not listening: no other program can answer on this port
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture(autouse=True)
def _no_second_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_limits, "START", TimeLimit(0, "no second attempt"))


def advertise(monkeypatch: pytest.MonkeyPatch, *addresses: str, beside_the_real_ones: bool) -> None:
    """Let the metadata name brokers at these addresses, beside the real brokers or instead of them."""
    update = ClusterMetadata.update_metadata

    def changed(cluster: ClusterMetadata, metadata: MetadataResponse) -> None:
        update(cluster, metadata)
        named = {}
        for node_id, address in enumerate(addresses, start=90):
            host, _, port = address.rpartition(":")
            named[node_id] = MetadataResponse.MetadataResponseBroker(node_id, host, int(port), None)
        cluster._brokers = (cluster._brokers if beside_the_real_ones else {}) | named

    monkeypatch.setattr(ClusterMetadata, "update_metadata", changed)


def settings(stack: Stack) -> Settings:
    return Settings(_env_file=None, kafka_bootstrap_servers=stack.bootstrap)


def test_a_broker_that_answers_where_it_says_is_reachable(
    embedded_stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    wait_until_reachable(settings(embedded_stack))
    assert caplog.text == ""


@pytest.mark.parametrize("reason", ["ECONNREFUSED", "DNS"])
def test_brokers_that_advertise_only_addresses_that_cannot_be_reached_are_named(
    embedded_stack: Stack, monkeypatch: pytest.MonkeyPatch, lost_address: str, reason: str
) -> None:
    address = lost_address if reason == "ECONNREFUSED" else "kafka.invalid:9092"
    advertise(monkeypatch, address, "kafka.invalid:9093", beside_the_real_ones=False)
    with pytest.raises(KafkaUnreachableError) as caught:
        wait_until_reachable(settings(embedded_stack))
    message = str(caught.value)
    assert f"Kafka at {embedded_stack.bootstrap} answers" in message
    assert f"the address {address} that broker 90 advertises" in message
    assert reason in message
    assert "advertised.listeners" in message
    assert "\n" not in message
    assert caught.value.exit_code is ExitCode.KAFKA


def test_one_broker_of_several_that_cannot_be_reached_is_a_warning(
    embedded_stack: Stack, monkeypatch: pytest.MonkeyPatch, lost_address: str, caplog: pytest.LogCaptureFixture
) -> None:
    advertise(monkeypatch, lost_address, beside_the_real_ones=True)
    with caplog.at_level(logging.WARNING, "worker"):
        wait_until_reachable(settings(embedded_stack))
    (record,) = [each for each in caplog.records if each.name.startswith("worker")]
    assert f"the address {lost_address} that broker 90 advertises" in record.getMessage()
    assert "unless the broker is down" in record.getMessage()


def test_every_address_without_an_answer_is_named_with_its_reason(lost_address: str) -> None:
    reached = Settings(_env_file=None, kafka_bootstrap_servers=f"{lost_address},kafka.invalid:9092")
    with pytest.raises(KafkaUnreachableError) as caught:
        wait_until_reachable(reached)
    assert f"{lost_address}: 111 ECONNREFUSED" in str(caught.value)
    assert "kafka.invalid:9092: DNS Resolution failure" in str(caught.value)
