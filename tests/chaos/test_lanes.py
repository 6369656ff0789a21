"""Faults of one lane follow one another, lanes overlap, and what was not possible is noted."""

import threading

import pytest

from chaos.errors import ChaosError
from chaos.faults.surroundings import NotInjectedError
from chaos.kinds import KINDS
from chaos.lanes import Lanes
from chaos.schedule import Fault
from tests.clock import Clock

DEADLINE_S = 20.0


def fault(number: int, kind: str, at_s: float = 0.0) -> Fault:
    return Fault(number, at_s, kind, 0, 0.0)


def done(lanes: Lanes) -> Lanes:
    lanes.start()
    lanes.join()
    return lanes


def test_faults_of_a_lane_come_one_after_another_in_the_order_of_their_numbers() -> None:
    present: list[str] = []
    seen: list[int] = []

    def inject(one: Fault) -> None:
        lane = KINDS[one.kind].lane
        assert lane not in present
        present.append(lane)
        seen.append(one.number)
        present.remove(lane)

    lanes = done(Lanes([fault(n, "kill") for n in range(20)], inject, Clock(), threading.Event()))
    lanes.check()
    assert seen == list(range(20))


def test_faults_of_different_lanes_overlap() -> None:
    both = threading.Barrier(2, timeout=DEADLINE_S)

    def inject(_: Fault) -> None:
        both.wait()

    lanes = done(Lanes([fault(0, "kill"), fault(1, "redis_kill")], inject, Clock(), threading.Event()))
    lanes.check()
    assert sorted(each.fault.number for each in lanes.injected) == [0, 1]


def test_a_fault_that_was_not_possible_is_noted_and_the_next_one_comes() -> None:
    def inject(one: Fault) -> None:
        if one.number == 0:
            raise NotInjectedError("no room")

    lanes = done(Lanes([fault(0, "scale_up"), fault(1, "kill")], inject, Clock(), threading.Event()))
    lanes.check()
    assert [each.not_injected for each in lanes.injected] == ["no room", None]
    assert all(each.ended_s is not None for each in lanes.injected)


def test_another_error_of_a_fault_ends_its_lane_and_is_raised_by_check() -> None:
    def inject(one: Fault) -> None:
        raise ChaosError("the brokers do not recover")

    lanes = done(Lanes([fault(0, "kill"), fault(1, "kill")], inject, Clock(), threading.Event()))
    assert len(lanes.injected) == 1
    with pytest.raises(ChaosError, match="the brokers do not recover"):
        lanes.check()


def test_a_run_that_stops_begins_no_more_faults() -> None:
    stop = threading.Event()
    lanes = Lanes([fault(0, "kill", at_s=DEADLINE_S * 100)], lambda _: None, Clock(), stop)
    lanes.start()
    stop.set()
    lanes.join()
    assert lanes.ended
    assert lanes.injected == []


def test_a_fault_that_the_end_of_the_run_cuts_short_has_no_end() -> None:
    stop = threading.Event()
    lanes = done(Lanes([fault(0, "zombie")], lambda _: stop.set(), Clock(), stop))
    assert [each.ended_s for each in lanes.injected] == [None]
