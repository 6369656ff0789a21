"""A join that hangs in the Kafka client begins again; one that is slow goes on."""

import inspect
import logging
from types import SimpleNamespace

import pytest
from kafka.coordinator.base import BaseCoordinator
from kafka.future import Future

from tests.clock import Clock
from worker import time_limits
from worker.kafka.hanging_joins import HangingJoins

NAMES = {"_join_task": time_limits.JOIN.seconds, "_find_coordinator_future": time_limits.FIND_COORDINATOR.seconds}

limits = pytest.mark.parametrize(("name", "limit_s"), NAMES.items())


class Coordinator(SimpleNamespace):
    """The parts of kafka-python's coordinator; `dead` counts how often it was marked as dead."""

    def __init__(self) -> None:
        super().__init__(_join_task=None, _find_coordinator_future=None, dead=0)

    def coordinator_dead(self, _error: str) -> None:
        self.dead += 1


@limits
def test_what_has_no_outcome_for_longer_than_its_limit_begins_again(
    name: str, limit_s: float, caplog: pytest.LogCaptureFixture
) -> None:
    coordinator, clock, hanging = Coordinator(), Clock(), Future()
    joins = HangingJoins(coordinator, clock)
    setattr(coordinator, name, hanging)
    for now_s in (0.0, limit_s / 2, limit_s):
        clock.now_s = now_s
        joins.end()
        assert getattr(coordinator, name) is hanging
    clock.now_s = limit_s + 1
    joins.end()
    assert (getattr(coordinator, name), coordinator.dead) == (None, 1)
    (record,) = caplog.records
    assert (record.levelno, "joining the group again" in record.getMessage()) == (logging.WARNING, True)
    joins.end()
    assert coordinator.dead == 1


@limits
def test_attempts_that_end_and_begin_again_go_on_however_long_they_take_together(name: str, limit_s: float) -> None:
    coordinator, clock = Coordinator(), Clock()
    joins = HangingJoins(coordinator, clock)
    for attempt in range(10):
        setattr(coordinator, name, Future())
        clock.now_s = attempt * 0.9 * limit_s
        joins.end()
    ended = Future()
    ended.success(None)
    setattr(coordinator, name, ended)
    clock.now_s *= 3
    joins.end()
    joins.end()
    assert (getattr(coordinator, name), coordinator.dead) == (ended, 0)


def test_trap_the_client_awaits_the_same_join_and_search_at_every_poll() -> None:
    """A trap for later versions of kafka-python."""
    for name in NAMES:
        assert f"self.{name} = None" in inspect.getsource(BaseCoordinator.__init__)
    assert "if self._join_task is None or self._join_task.is_done" in inspect.getsource(
        BaseCoordinator.join_group_async
    )
    assert "return self._find_coordinator_future" in inspect.getsource(BaseCoordinator.lookup_coordinator)
