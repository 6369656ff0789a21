"""The order of a replay: the ids of the tweets, the passes and the shuffling."""

from collections.abc import Iterator
from itertools import islice

import pytest

from producer.order import ReplayOrder, tweets
from tweets.datasets import DatasetError, Row

ROWS = [Row(number, f"text {number}", "joy") for number in range(20)]


def read() -> Iterator[Row]:
    return iter(ROWS)


def ids(order: ReplayOrder, count: int = 1000) -> list[str]:
    return [tweet.id for tweet in islice(tweets(read, prefix="set-test", order=order), count)]


def test_ids_name_data_set_split_and_row_in_the_order_of_the_file() -> None:
    assert ids(ReplayOrder()) == [f"set-test-{number}" for number in range(20)]


def test_a_loop_adds_the_number_of_the_pass_from_the_second_on() -> None:
    assert ids(ReplayOrder(loop=True), 41)[19:] == [
        "set-test-19",
        *[f"set-test-{number}-2" for number in range(20)],
        "set-test-0-3",
    ]


def test_a_limit_counts_over_all_passes() -> None:
    assert len(ids(ReplayOrder(loop=True, limit=50))) == 50
    assert len(ids(ReplayOrder(limit=5))) == 5
    assert len(ids(ReplayOrder(limit=50))) == 20


def test_a_seed_shuffles_and_gives_the_same_order_in_each_run() -> None:
    assert ids(ReplayOrder(seed=1)) == ids(ReplayOrder(seed=1)) != ids(ReplayOrder())
    assert sorted(ids(ReplayOrder(seed=1))) == sorted(ids(ReplayOrder()))
    assert ids(ReplayOrder(seed=1)) != ids(ReplayOrder(seed=2))


def test_each_pass_has_another_order_but_the_same_tweets() -> None:
    looped = ids(ReplayOrder(loop=True, seed=1, limit=40))
    first, second = looped[:20], [name.removesuffix("-2") for name in looped[20:]]
    assert first != second
    assert sorted(first) == sorted(second)


def test_an_empty_data_set_is_an_error_even_in_a_loop() -> None:
    with pytest.raises(DatasetError, match="has no rows"):
        list(tweets(lambda: iter([]), prefix="set-test", order=ReplayOrder(loop=True)))
