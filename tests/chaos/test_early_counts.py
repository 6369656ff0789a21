"""Counts in Redis that are ahead of the commits are found."""

from chaos.early_counts import early
from chaos.stream_names import StreamNames

NAMES = StreamNames()


def fence(number: int, offset: int) -> dict[str, str]:
    return {f"{NAMES.group}|{NAMES.input}|{number}": f"3:{offset}"}


def test_counts_up_to_the_committed_offset_or_behind_it_are_right() -> None:
    assert early(fence(0, 100) | fence(1, 90), {0: 100, 1: 100}, NAMES) == []


def test_counts_ahead_of_the_committed_offset_are_named() -> None:
    (found,) = early(fence(0, 100) | fence(1, 101), {0: 100, 1: 100}, NAMES)
    assert "tweets[1] up to offset 101, and the committed offset is 100" in found


def test_partitions_without_counts_or_without_a_committed_offset_are_not_judged() -> None:
    assert early(fence(0, 100), {0: -1001, 1: 50}, NAMES) == []
