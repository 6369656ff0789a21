"""Membership: when two memberships are equal."""

from dataclasses import replace

import pytest

from tweets.records import Partition
from worker.membership import Membership

_OWNED = Membership(frozenset({Partition("tweets", 0)}), 5, "member-1", object())


def test_memberships_with_other_client_metadata_are_equal() -> None:
    assert replace(_OWNED, client_metadata=object()) == _OWNED


@pytest.mark.parametrize(
    "other",
    [
        replace(_OWNED, partitions=frozenset()),
        replace(_OWNED, partitions=frozenset({Partition("tweets", 1)})),
        replace(_OWNED, generation=6),
        replace(_OWNED, member_id="member-2"),
    ],
    ids=["no partitions", "other partitions", "generation", "member"],
)
def test_memberships_with_other_partitions_generation_or_member_differ(other: Membership) -> None:
    assert other != _OWNED


@pytest.mark.parametrize(("generation", "joined"), [(-1, False), (0, True), (1, True)])
def test_a_member_without_a_generation_is_not_in_the_group(generation: int, joined: bool) -> None:
    assert replace(_OWNED, generation=generation).joined is joined


def test_a_partition_is_written_as_logs_show_it() -> None:
    assert str(Partition("tweets", 3)) == "tweets[3]"
