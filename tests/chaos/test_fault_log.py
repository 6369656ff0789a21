"""Pauses are put down to the faults that they follow."""

from chaos.fault_log import SETTLING_S, Injected, by_kind
from chaos.samples import Samples
from chaos.schedule import Fault

KILL = Fault(0, 0.0, "kill", 0, 0.0)
WIPE = Fault(1, 0.0, "redis_wipe", 0, 0.0)


def test_the_longest_pause_of_a_partition_that_waits_is_put_down_to_the_fault() -> None:
    killed, samples = Injected(KILL, begun_s=10.0, ended_s=10.0), Samples()
    fed = {0: 100, 1: 100}
    for now_s, seen in ((10.0, {0: 1, 1: 1}), (11.0, {0: 2, 1: 1}), (13.0, {0: 3, 1: 1}), (14.0, {0: 4, 1: 2})):
        samples.add(now_s, seen, fed, [killed])
    assert killed.pause_s == 3.0


def test_a_partition_without_waiting_records_does_not_pause() -> None:
    killed, samples = Injected(KILL, begun_s=10.0, ended_s=10.0), Samples()
    for now_s in (10.0, 12.0, 14.0):
        samples.add(now_s, {0: 5}, {0: 5}, [killed])
    assert killed.pause_s == 0.0


def test_a_pause_counts_from_the_begin_of_the_fault_and_not_long_after_its_end() -> None:
    killed = Injected(KILL, begun_s=10.0, ended_s=11.0)
    killed.observe(12.0, 30.0)
    assert killed.pause_s == 2.0
    killed.observe(11.0 + SETTLING_S + 1, 9.0)
    assert killed.pause_s == 2.0


def test_points_of_the_picture_come_in_intervals_and_have_the_sum_of_the_partitions() -> None:
    samples = Samples()
    for tenth in range(21):
        samples.add(tenth / 10, {0: tenth, 1: 1}, {0: 100, 1: 1}, [])
    assert samples.points == [(0.0, 1), (0.5, 6), (1.0, 11), (1.5, 16), (2.0, 21)]


def test_only_injected_faults_are_counted() -> None:
    refused = Injected(WIPE, 1.0, 1.0, not_injected="no Redis")
    assert by_kind([Injected(KILL, 0.0), Injected(KILL, 0.0), refused]) == {"kill": 2}


def test_a_fault_survives_the_state_of_a_run() -> None:
    injected = Injected(WIPE, 1.25, 2.5, 0.75, "no Redis")
    assert Injected.from_json(injected.as_json(), {0: KILL, 1: WIPE}) == injected
