"""The rate of a program is from its first to its last commit, so that its start does not count."""

import pytest

from benchmarks.suite.drain import Commits
from benchmarks.suite.errors import BenchmarkError


def test_rate_and_processor_time_are_between_the_first_and_the_last_commit() -> None:
    commits = Commits([(10.0, 100, 3.0), (12.0, 600, 4.0), (14.0, 2_100, 5.0)])
    found = commits.result(started_s=7.5, peak=160.0)
    assert found.tweets_per_second == 500
    assert found.processor_s_per_1000 == 1.0
    assert (found.ready_s, found.peak_mb) == (2.5, 160.0)


def test_a_look_without_a_new_commit_changes_nothing() -> None:
    commits = Commits()
    for total in (0, 0, 5, 5, 9, 9):
        commits.look(total, 1.0)
    assert [total for _, total, _ in commits.seen] == [5, 9]


def test_one_commit_has_no_rate() -> None:
    with pytest.raises(BenchmarkError, match="only one commit was seen"):
        Commits([(1.0, 512, 1.0)]).result(started_s=0.0, peak=1.0)
