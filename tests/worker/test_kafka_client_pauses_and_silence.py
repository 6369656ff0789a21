"""The Kafka client is silent while it closes, and pauses between fetches that return nothing."""

import logging

import pytest
from kafka.net.connection import KafkaConnection

from tests.servers import Stack, eventually
from worker.kafka.client import RepairedClient, pause_after_empty_fetch_s, silent_client


def test_trap_a_metadata_request_under_way_at_the_close_is_logged_as_an_error(
    embedded_stack: Stack, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = RepairedClient(bootstrap_servers=[embedded_stack.bootstrap])
    client._manager.bootstrap(timeout_ms=10_000)
    client._manager.run(client.cluster.refresh_metadata)
    monkeypatch.setattr(KafkaConnection, "data_received", lambda *_: None)  # the answer is still on its way
    client._net.start()
    client.cluster.request_update()
    connections = client._manager._conns.values()
    eventually(lambda: any(each.in_flight_requests for each in connections), 10, "the request is under way")
    client.close()
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING] == []


def test_the_log_is_back_when_the_last_of_two_overlapping_closes_has_ended() -> None:
    kafka_log = logging.getLogger("kafka")
    level = kafka_log.level
    first, second = silent_client(), silent_client()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert kafka_log.level == logging.CRITICAL
    second.__exit__(None, None, None)
    assert kafka_log.level == level


@pytest.mark.parametrize(
    ("since_fetch_s", "left_s", "pause_s"),
    [
        (0.0, 0.5, 0.02),
        (0.015, 0.5, 0.005),
        (0.03, 0.5, 0.0),
        (0.0, 0.015, 0.01),
        (0.0, 0.005, 0.005),
        (0.0, 0.002, 0.002),
        (0.0, 0.0, 0.0),
    ],
)
def test_a_poll_pauses_after_an_empty_fetch_and_leaves_time_for_the_answer_to_its_last_fetch(
    since_fetch_s: float, left_s: float, pause_s: float
) -> None:
    assert pause_after_empty_fetch_s(since_fetch_s, left_s) == pytest.approx(pause_s)
