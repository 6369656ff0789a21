"""Membership: what makes two of them the same."""

from dataclasses import replace

import pytest

from tweets.records import Partition
from worker.membership import Membership

_OWNED = Membership(frozenset({Partition("tweets", 0)}), 5, "member-1", object())


def test_the_clients_own_proof_does_not_tell_ownerships_apart() -> None:
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
def test_partitions_generation_and_member_do(other: Membership) -> None:
    assert other != _OWNED


@pytest.mark.parametrize(("generation", "joined"), [(-1, False), (0, True), (1, True)])
def test_who_has_no_generation_is_not_in_the_group(generation: int, joined: bool) -> None:
    assert replace(_OWNED, generation=generation).joined is joined


def test_a_partition_is_written_as_logs_show_it() -> None:
    assert str(Partition("tweets", 3)) == "tweets[3]"
