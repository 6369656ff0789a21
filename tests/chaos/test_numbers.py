import json

import pytest

from chaos.errors import ChaosError
from chaos.stream.fed_numbers import FedNumbers
from chaos.stream.numbers import SeenNumbers, ranges

OUTPUT, DEAD = "output[0]", "dead letters[0]"


def seen(*numbers: int, source: str = OUTPUT) -> SeenNumbers:
    found = SeenNumbers()
    for number in numbers:
        found.add(source, number)
    return found


def test_rising_numbers_of_one_source_are_right() -> None:
    found = SeenNumbers()
    assert [found.add(OUTPUT, number) for number in range(5)] == [None] * 5
    assert (found.count, found.next, list(found.lost(5))) == (5, 5, [])


def test_the_gaps_of_one_source_are_filled_by_the_other() -> None:
    found = SeenNumbers()
    assert [found.add(OUTPUT, number) for number in (0, 2, 5)] == [None] * 3
    assert found.missing == {1, 3, 4}
    assert [found.add(DEAD, number) for number in (1, 3, 4)] == [None] * 3
    assert (found.count, found.missing) == (6, set())


def test_a_source_that_is_far_ahead_leaves_gaps_that_are_filled_later() -> None:
    found = SeenNumbers()
    found.add(DEAD, 3_000)
    assert found.count == 1
    assert [found.add(OUTPUT, number) for number in range(3_000)] == [None] * 3_000
    assert (found.count, found.missing) == (3_001, set())


def test_a_number_that_comes_twice_is_doubled() -> None:
    found = seen(0, 1, 2)
    assert found.add(OUTPUT, 1) == "doubled"
    assert found.add(DEAD, 2) == "doubled", "also on the other topic"
    assert found.count == 3


def test_two_numbers_that_change_places_are_out_of_order_and_not_doubled() -> None:
    found = seen(0, 2)
    assert found.add(OUTPUT, 1) == "out_of_order"
    assert found.add(OUTPUT, 3) is None
    assert (found.count, list(found.lost(4))) == (4, [])


def test_what_was_fed_and_not_seen_is_lost() -> None:
    found = seen(0, 1, 3, 4)
    assert list(found.lost(7)) == [2, 5, 6]
    assert list(found.lost(3)) == [2]


def test_what_was_seen_and_not_fed_is_beyond() -> None:
    assert list(seen(0, 1, 4).beyond(1)) == [1, 4]
    assert list(seen(0, 1, 4).beyond(5)) == []


def test_numbers_are_the_same_after_their_state_was_stored() -> None:
    found = SeenNumbers.restored(json.loads(json.dumps(seen(0, 1, 7).state())))
    assert found.missing == {2, 3, 4, 5, 6}
    assert found.add(OUTPUT, 1) == "doubled"
    assert found.add(DEAD, 2) is None
    assert found.add(OUTPUT, 3) == "out_of_order"
    assert found.add(OUTPUT, 8) is None


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [([], []), ([4], [(4, 5)]), ([1, 2, 3], [(1, 4)]), ([9, 1, 2, 5, 6], [(1, 3), (5, 7), (9, 10)])],
)
def test_ranges_hold_the_same_numbers(numbers: list[int], expected: list[tuple[int, int]]) -> None:
    assert ranges(numbers) == expected


def test_a_fed_record_must_be_at_the_offset_of_its_number() -> None:
    numbers = FedNumbers("tweets", 2)
    numbers.begin_at({0: 10, 1: 0})
    assert (numbers.next(0), numbers.next(0), numbers.next(1)) == (10, 11, 0)
    numbers.delivered(0, 10)
    numbers.delivered(0, -1)
    assert (numbers.acknowledged, numbers.unacknowledged(1)) == ([12, 0], 1)
    with pytest.raises(ChaosError, match=r"record 0 of tweets\[1\] is at offset 1"):
        numbers.delivered(1, 1)


def test_bombs_are_remembered_in_the_next_run() -> None:
    numbers = FedNumbers("tweets", 2)
    numbers.begin_at({0: 0, 1: 100})
    numbers.add_bomb(1, 80)
    resumed = FedNumbers("tweets", 2)
    resumed.restore(json.loads(json.dumps(numbers.state())))
    assert [resumed.is_bomb(1, number) for number in (99, 100, 179, 180)] == [False, True, True, False]
    assert not resumed.is_bomb(0, 100)
