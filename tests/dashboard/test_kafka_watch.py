"""The board shows which kind of failure Kafka has, whatever the text of the error."""

import logging
from typing import Any

import pytest

from dashboard import kafka_watch
from dashboard.board import Board
from dashboard.kafka_watch import KafkaWatch
from dashboard.stream_statistics import StreamStatistics
from worker.errors import ExitCode, FatalError, TransientError
from worker.kafka.reachable import KafkaUnreachableError
from worker.process.stop import StopFlag
from worker.settings import Settings


def failing(monkeypatch: pytest.MonkeyPatch, board: Board, *errors: Exception) -> dict[str, Any]:
    """Return the board's `kafka` after a watch whose attempts to connect end with these errors in turn."""
    stop = StopFlag()
    left = list(errors)

    def fail(*_: object) -> None:
        error = left.pop(0)
        if not left:
            stop.set()
        raise error

    monkeypatch.setattr(kafka_watch, "wait_until_reachable", fail)
    monkeypatch.setattr(kafka_watch, "RETRY_S", 0.0)
    KafkaWatch(Settings(), board, StreamStatistics(["joy"], lambda: 0.0), stop).run()
    found: dict[str, Any] = board.state()["kafka"]
    return found


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (KafkaUnreachableError("some text", ExitCode.KAFKA), "silent"),
        (FatalError("the login cannot be reached", ExitCode.KAFKA), "refuses"),
        (TransientError("does not answer"), "silent"),
    ],
)
def test_the_class_of_the_error_decides(monkeypatch: pytest.MonkeyPatch, error: Exception, state: str) -> None:
    assert failing(monkeypatch, Board(), error)["state"] == state


def test_a_failure_is_logged_once_and_another_failure_once_more(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    silent, refusal = TransientError("no broker"), FatalError("wrong password", ExitCode.KAFKA)
    with caplog.at_level(logging.WARNING, "dashboard"):
        failing(monkeypatch, Board(), silent, silent, refusal, refusal)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    first, second = (record.getMessage() for record in caplog.records)
    assert ("no broker" in first, "wrong password" in second) == (True, True)
