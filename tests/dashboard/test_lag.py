"""The lag of the workers from end offsets and committed offsets."""

from dashboard.lag import Lag, LagClock


def test_the_lag_is_the_sum_of_uncommitted_records_over_all_partitions() -> None:
    assert LagClock().measure(0.0, ends={0: 10, 1: 5}, committed={0: 4, 1: 5}).records == 6


def test_a_partition_without_a_commit_lags_from_its_beginning() -> None:
    assert LagClock().measure(0.0, ends={0: 10}, committed={}).records == 10


def test_the_age_is_that_of_the_oldest_record_that_is_not_committed() -> None:
    clock = LagClock()
    assert clock.measure(100.0, ends={0: 5}, committed={0: 5}) == Lag(0, 0.0)
    assert clock.measure(101.0, ends={0: 8}, committed={0: 5}) == Lag(3, 0.0)
    assert clock.measure(104.0, ends={0: 9}, committed={0: 7}) == Lag(2, 3.0)
    assert clock.measure(105.0, ends={0: 9}, committed={0: 8}) == Lag(1, 1.0)
    assert clock.measure(106.0, ends={0: 9}, committed={0: 9}) == Lag(0, 0.0)


def test_the_age_of_a_record_from_before_the_page_is_unknown_until_it_is_committed() -> None:
    clock = LagClock()
    assert clock.measure(100.0, ends={0: 5, 1: 2}, committed={0: 3, 1: 2}) == Lag(2, None)
    assert clock.measure(103.0, ends={0: 6, 1: 3}, committed={0: 4, 1: 2}) == Lag(3, None)
    assert clock.measure(105.0, ends={0: 6, 1: 3}, committed={0: 5, 1: 2}) == Lag(2, 2.0)


def test_a_topic_that_was_created_again_starts_from_zero() -> None:
    clock = LagClock()
    clock.measure(100.0, ends={0: 50}, committed={0: 0})
    assert clock.measure(110.0, ends={0: 3}, committed={0: 0}) == Lag(3, 0.0)
