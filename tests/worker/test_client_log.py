"""Lines of the Kafka client: a state that passes is not logged, a state that lasts and every other line are."""

import logging

import pytest

from worker.process.client_log import PassingStates

LINES = [
    ("kafka.coordinator", "Marking the coordinator dead (node 1) for group g: [Error 16] NotCoordinatorError."),
    (
        "kafka.coordinator",
        "Marking the coordinator dead (node 1) for group g: [Error 15] CoordinatorNotAvailableError.",
    ),
    (
        "kafka.coordinator.heartbeat",
        "Heartbeat failed for group g: coordinator (node 1) is either not started or not valid",
    ),
    ("kafka.coordinator.consumer", "Unknown error fetching offsets for tweets-0: [Error 88] UnstableOffsetCommitError"),
    ("kafka.coordinator.assignors.sticky.sticky_assignor", "No partition metadata for topic tweets"),
    ("kafka.cluster", "No broker metadata found in MetadataResponse -- ignoring."),
    ("kafka.cluster", "Metadata refresh: failed Cancelled"),
    ("kafka.net.manager", "Bootstrap metadata response has no brokers. Retrying in 0.05 secs."),
]


def record(name: str, message: str, created_s: float) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.WARNING, __file__, 1, message, None, None)
    made.created = created_s
    return made


def written(name: str, message: str, *moments_s: float) -> list[bool]:
    lines = PassingStates()
    return [lines.filter(record(name, message, 1_000 + moment_s)) for moment_s in moments_s]


@pytest.mark.parametrize(("name", "message"), LINES)
def test_a_state_that_a_healthy_start_passes_through_is_not_logged(name: str, message: str) -> None:
    assert written(name, message, 0, 0.1, 2, 4.9) == [False] * 4


@pytest.mark.parametrize(("name", "message"), LINES)
def test_the_same_state_is_logged_if_it_lasts(name: str, message: str) -> None:
    assert written(name, message, 0, 4, 8, 12) == [False, False, True, True]


def test_a_state_that_passes_again_an_hour_later_is_not_logged() -> None:
    assert written(*LINES[0], 0, 1, 3_600, 3_601) == [False] * 4


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("kafka.net.connection", "node 1: Connection lost: socket disconnected"),
        ("kafka.net.manager", "Connection failed: 111 ECONNREFUSED"),
        ("kafka.cluster", "Metadata refresh: failed KafkaConnectionError"),
        ("kafka.coordinator", "Marking the coordinator dead (node 1) for group g: RequestTimedOutError."),
        ("kafka.coordinator.consumer", "Unknown error fetching offsets: UnknownServerError"),
        ("kafka.coordinator.heartbeat", "Heartbeat failed: authorization error: GroupAuthorizationFailedError"),
        ("kafka.net.connection", "node 1: SASL re-authentication failed: KafkaConnectionError"),
        ("worker.loop", "No partition metadata for topic tweets"),
    ],
)
def test_every_other_line_is_logged_at_once(name: str, message: str) -> None:
    assert written(name, message, 0, 1) == [True, True]
