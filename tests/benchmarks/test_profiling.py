"""The items of a profile are the innermost functions of the stacks, without line numbers."""

import pytest

from benchmarks.suite.profiling import ITEMS, largest_items


def test_the_samples_of_a_function_are_counted_over_its_lines_and_callers() -> None:
    stacks = ["main (a.py:1);label (b.py:10) 30", "main (a.py:2);label (b.py:20) 30", "main (a.py:3) 40"]
    found = {item.function: item.share for item in largest_items(stacks)}
    assert found == pytest.approx({"label (b.py)": 0.6, "main (a.py)": 0.4})


def test_only_the_largest_items_are_kept_and_shares_are_of_all_samples() -> None:
    found = largest_items([f"main (a.py:1);f{number} (a.py:1) {100 - number}" for number in range(20)])
    assert len(found) == ITEMS
    assert found[0].function == "f0 (a.py)"
    assert sum(item.share for item in found) < 1
