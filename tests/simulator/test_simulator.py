"""The promise under hundreds of random schedules of faults, crashes, rebalances and moved offsets."""

from collections import Counter

import pytest

from tests.simulator.mutants import MAX_SHARE
from tests.simulator.process import Parts
from tests.simulator.store import WRITES
from tests.simulator.surroundings import BrokenPromiseError
from tests.simulator.world import World

SEEDS = 300
"""Schedules of one run: each entry of MUST_HAPPEN comes at least five times in them."""

SHARE_SEEDS = 100
"""Schedules with DEAD_LETTER_MAX_SHARE."""

MUST_HAPPEN = (
    "commit",
    "commit, reply lost",
    "commit in flight",
    "end of transaction",
    "expel",
    "freeze",
    "kill",
    "late commit arrived",
    "left the group",
    "offsets",
    "exit: another worker took over the instance",
    "exit code STATE",
    "exit code TOPICS",
    "offset, metadata lost",
    "offset, moved back",
    "offset, moved forward",
    "records deleted",
    "records skipped",
    "size limit",
    "poll outside the group",
    "publish, halfway",
    "rebalance noticed",
    "refused",
    "refused, not exact",
    "slow model",
    "restore",
    "rollback",
    "time out",
    "wipe",
    "restore an old snapshot",
    "lose keys",
    "dead letter, record_too_large, cut",
    "dead letter, refused",
    "dead letter, refused, cut",
    *(f"script failed after {writes} writes" for writes in range(WRITES + 1)),
    "lose offsets",
    "lose all offsets",
)


def test_no_schedule_of_faults_loses_doubles_or_reorders_a_record_or_makes_redis_differ() -> None:
    happened: Counter[str] = Counter()
    for seed in range(SEEDS):
        world = World(seed)
        try:
            world.run()
        except BrokenPromiseError as error:
            pytest.fail(f"seed {seed}: {error}")
        happened += world.happened
    assert {what: happened[what] for what in MUST_HAPPEN if happened[what] < 5} == {}, "the schedules became too tame"


def test_no_schedule_passes_the_share_of_dead_letters_or_stops_a_worker_below_it() -> None:
    happened: Counter[str] = Counter()
    for seed in range(SHARE_SEEDS):
        world = World(seed, Parts(max_share=MAX_SHARE))
        try:
            world.run()
        except BrokenPromiseError as error:
            pytest.fail(f"seed {seed}: {error}")
        happened += world.happened
    assert happened["exit code DEAD_LETTERS"] > SHARE_SEEDS / 4
    assert happened["commit"] > SHARE_SEEDS


def test_a_seed_is_a_schedule() -> None:
    first, second = World(7), World(7)
    first.run()
    second.run()
    assert first.happened == second.happened
    assert [outgoing.partition for outgoing in first.broker.visible()] == [
        outgoing.partition for outgoing in second.broker.visible()
    ]
    assert first.broker.committed == second.broker.committed
