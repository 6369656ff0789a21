"""The state of Kafka and Redis, for programs and for people."""

import pytest

from dashboard.board import Board, ServiceState, ServiceStatus
from dashboard.lag import Lag


def test_before_the_first_attempt_nothing_is_known() -> None:
    state = Board().state()
    assert state["kafka"] == {"state": "connecting", "notice": "Kafka is not connected yet."}
    assert state["redis"] == {"state": "connecting", "notice": "Redis is not connected yet."}
    assert (state["counts"], state["lag"], state["latency"], state["quality"]) == (None, None, None, None)
    assert state["rates"] == {}


def test_an_unknown_age_of_the_lag_is_none() -> None:
    board = Board()
    board.lag = Lag(43, None)
    assert board.state()["lag"] == {"records": 43, "seconds": None}
    board.lag = Lag(43, 61.04)
    assert board.state()["lag"] == {"records": 43, "seconds": 61.0}


@pytest.mark.parametrize("state", [state for state in ServiceState if state is not ServiceState.ANSWERS])
def test_a_service_that_does_not_answer_has_a_notice(state: ServiceState) -> None:
    status = ServiceStatus("Kafka", state)
    assert status.notice == f"Kafka {state.sentence}."
    assert not status.answers


def test_a_service_that_answers_has_no_notice() -> None:
    assert ServiceStatus("Redis", ServiceState.ANSWERS).as_json() == {"state": "answers", "notice": ""}


def test_missing_topics_are_a_notice_of_a_service_that_answers() -> None:
    one = ServiceStatus("Kafka", ServiceState.ANSWERS, ("tweets",))
    assert (one.answers, one.notice) == (True, "Kafka answers, but the topic tweets does not exist yet.")
    two = ServiceStatus("Kafka", ServiceState.ANSWERS, ("tweets", "labels"))
    assert two.notice == "Kafka answers, but the topics tweets and labels do not exist yet."
