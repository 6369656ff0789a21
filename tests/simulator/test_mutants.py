"""The simulator finds faults: each rule, switched off, breaks the clauses that the rule keeps."""

import pytest

from tests.simulator.mutants import MUTANTS, Mutant, Part, parts_with
from tests.simulator.surroundings import BrokenPromiseError, Clause
from tests.simulator.world import World

SEEDS = 1_000
"""Schedules in which each clause must have been broken."""


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.part.__name__)
def test_one_rule_switched_off_breaks_its_clauses_and_the_control_breaks_none(mutant: Mutant) -> None:
    unbroken = set(mutant.breaks)
    for seed in range(SEEDS):
        broken = broken_clauses(seed, mutant.part)
        assert not broken or broken & (mutant.breaks | mutant.also), (
            f"seed {seed} breaks {broken} instead: {mutant.part.__doc__}"
        )
        unbroken -= broken
        if mutant.control is not None:
            assert broken_clauses(seed, mutant.control) == set(), f"seed {seed}: not the rule, but the rewriting"
        if not unbroken:
            return
    pytest.fail(f"no schedule of {SEEDS} breaks {unbroken}: {mutant.part.__doc__}")


def broken_clauses(seed: int, part: Part) -> frozenset[Clause]:
    try:
        World(seed, parts_with(part)).run()
    except BrokenPromiseError as error:
        return error.clauses
    return frozenset()
