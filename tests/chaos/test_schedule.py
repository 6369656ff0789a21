"""The schedule of faults: the seed decides everything, and every kind has its turn."""

from collections import Counter

import pytest

from chaos.errors import ChaosError
from chaos.kinds import GROUPS, KINDS, LANES, STEPS
from chaos.profiles import PROFILES
from chaos.schedule import schedule

ROUND = sum(kind.in_a_round for kind in KINDS.values())


def test_the_same_seed_gives_the_same_faults_and_another_seed_gives_others() -> None:
    assert schedule(7, 100, 5.0) == schedule(7, 100, 5.0)
    assert schedule(7, 100, 5.0) != schedule(8, 100, 5.0)


def test_a_shorter_schedule_is_the_begin_of_a_longer_one() -> None:
    assert schedule(7, 100, 5.0)[:40] == schedule(7, 40, 5.0)


@pytest.mark.parametrize("seed", range(5))
def test_a_quick_run_has_every_kind_and_kills_a_worker_at_every_step(seed: int) -> None:
    quick = PROFILES["quick"]
    faults = schedule(seed, quick.faults, quick.gap_s)
    assert {fault.kind for fault in faults} == set(KINDS)
    assert sorted(fault.target % STEPS for fault in faults if fault.kind == "kill_at_step") == list(range(STEPS))


def test_a_round_has_every_kind_as_often_as_it_should() -> None:
    found = Counter(fault.kind for fault in schedule(3, 3 * ROUND, 1.0))
    assert found == {name: 3 * kind.in_a_round for name, kind in KINDS.items()}


def test_a_dense_round_has_the_faults_of_redis_and_records_more_often() -> None:
    more = 2 * sum(kind.in_a_round for kind in KINDS.values() if kind.lane in ("redis", "records"))
    found = Counter(fault.kind for fault in schedule(3, 2 * (ROUND + more), 1.0, density=3))
    often = {name: 3 if kind.lane in ("redis", "records") else 1 for name, kind in KINDS.items()}
    assert found == {name: 2 * often[name] * kind.in_a_round for name, kind in KINDS.items()}


def test_faults_come_one_in_each_gap_and_hold_as_long_as_their_kind_allows() -> None:
    for fault in schedule(1, 200, 5.0):
        assert 5.0 * fault.number <= fault.at_s <= 5.0 * (fault.number + 1)
        shortest, longest = KINDS[fault.kind].hold_s
        assert shortest <= fault.hold_s <= longest


def test_only_the_chosen_kinds_come() -> None:
    assert {fault.kind for fault in schedule(1, 30, 1.0, kinds=("kill", "zombie"))} == {"kill", "zombie"}


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(ChaosError, match="no such kind of fault: earthquake"):
        schedule(1, 1, 1.0, kinds=("kill", "earthquake"))


def test_each_kind_belongs_to_a_group_and_a_lane() -> None:
    assert {kind.group for kind in KINDS.values()} == set(GROUPS)
    assert {kind.lane for kind in KINDS.values()} == set(LANES)
