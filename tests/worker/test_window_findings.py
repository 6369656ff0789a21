"""What verify says about periods, also where everything differs."""

import tracemalloc

from tweets.periods import Period
from tweets.records import Partition
from worker.verify.window_findings import PERIODS, Difference, Differences

WRONG = dict.fromkeys(("anger", "fear", "joy", "love", "sadness", "surprise", "neutral"), (0, 5))


def differences(number: int, subjects: int, partitions: int = 1) -> list[Difference]:
    period = Period("minute", number)
    return [
        Difference(period, f"brand-{subject:03}", Partition("tweets", partition), WRONG)
        for partition in range(partitions)
        for subject in range(subjects)
    ]


def test_the_first_differences_are_named_and_all_are_counted_in_whatever_order_they_come() -> None:
    found = Differences()
    for number in (3, 1, 2):
        found.add(differences(number, 15, partitions=5))
    *named, last = found.findings(9)
    assert [finding.subject for finding in named] == [
        *(f"minute 1970-01-01T00:01Z tweet topic brand-{subject:03}" for subject in range(15)),
        *(f"minute 1970-01-01T00:02Z tweet topic brand-{subject:03}" for subject in range(5)),
    ]
    assert named[0].detail.startswith("Redis differs: tweets[0]: anger 0 instead of 5, ")
    assert named[0].detail.endswith("and 2 partitions more")
    assert last.subject == PERIODS
    assert last.detail.startswith("45 counts of a minute, hour or day")
    assert last.detail.endswith("25 of them not named here")


def test_after_a_wipe_the_memory_does_not_grow_with_the_periods() -> None:
    found = Differences()
    tracemalloc.start()
    try:
        for number in range(400, 0, -1):
            found.add(differences(number, 100, partitions=3))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 500_000
