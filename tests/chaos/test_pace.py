"""The load lasts as long as the faults, and never outruns the verifier."""

from chaos.pace import LEAD, Pace
from tests.clock import Clock

RECORDS = 100_000


def test_the_load_is_spread_evenly_over_the_faults() -> None:
    clock = Clock()
    pace = Pace(RECORDS, 100, 5.0, clock)
    verified = pace.allowed(verified=0, finished=0)
    for second in range(1, 251):
        clock.now_s = second
        verified = pace.allowed(verified=verified, finished=second // 5)
    assert 0.4 * RECORDS < verified < 0.6 * RECORDS


def test_slow_faults_make_the_load_slower_so_that_it_does_not_end_before_them() -> None:
    clock = Clock()
    pace = Pace(RECORDS, 100, 5.0, clock)
    verified = pace.allowed(verified=0, finished=0)
    for second in range(1, 2_000):  # each fault takes 25 s
        clock.now_s = second
        verified = pace.allowed(verified=verified, finished=second // 25)
    assert 0.7 * RECORDS < verified < RECORDS


def test_the_rest_follows_at_once_after_the_last_fault_as_far_as_the_verifier_follows() -> None:
    pace = Pace(RECORDS, 10, 5.0, Clock())
    assert pace.allowed(verified=0, finished=10) == LEAD
    assert pace.allowed(verified=RECORDS - 1, finished=10) == RECORDS


def test_the_feeder_is_never_further_ahead_of_the_verifier_than_the_lead() -> None:
    clock = Clock(step_s=1.0)
    pace = Pace(10_000_000, 10, 5.0, clock)
    assert max(pace.allowed(verified=500, finished=1) for _ in range(100)) == 500 + LEAD
