"""Every send is tracked: counted, bounded in number, and the first error is kept."""

import pytest

from producer.deliveries import AFTER_FAILURE_S, Deliveries
from tests.clock import Clock
from tests.producer.fakes import FakeDelivery


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def deliveries(clock: Clock) -> Deliveries:
    return Deliveries(window=3, limit_s=20, clock=clock)


def test_acknowledged_tweets_are_counted(clock: Clock, deliveries: Deliveries) -> None:
    for _ in range(5):
        deliveries.add(FakeDelivery(clock))
    assert (deliveries.acknowledged, deliveries.failed, deliveries.error) == (5, 0, None)


def test_no_delivery_is_waited_for_while_the_window_has_room(clock: Clock, deliveries: Deliveries) -> None:
    for _ in range(3):
        deliveries.add(FakeDelivery(clock, after_s=9))
    assert (clock.now_s, deliveries.acknowledged) == (0, 0)


def test_a_full_window_waits_for_the_oldest_delivery(clock: Clock, deliveries: Deliveries) -> None:
    for after_s in (5, 7, 9, 11):
        deliveries.add(FakeDelivery(clock, after_s=after_s))
    assert (clock.now_s, deliveries.acknowledged) == (5, 1)


def test_the_first_error_is_kept_and_every_failure_is_counted(clock: Clock, deliveries: Deliveries) -> None:
    first, second = ValueError("first"), ValueError("second")
    for error in (None, first, second):
        deliveries.add(FakeDelivery(clock, error=error))
    assert (deliveries.acknowledged, deliveries.failed, deliveries.error) == (1, 2, first)


def test_a_tweet_that_the_client_refuses_is_a_failure_too(deliveries: Deliveries) -> None:
    refusal = ValueError("too large")
    deliveries.refused(refusal)
    assert (deliveries.failed, deliveries.error) == (1, refusal)


def test_settling_waits_for_every_open_delivery(clock: Clock, deliveries: Deliveries) -> None:
    for after_s in (5, 7, 9):
        deliveries.add(FakeDelivery(clock, after_s=after_s))
    deliveries.settle_all()
    assert (clock.now_s, deliveries.acknowledged, deliveries.error) == (9, 3, None)


def test_a_delivery_that_never_ends_fails_at_the_limit(clock: Clock, deliveries: Deliveries) -> None:
    deliveries.add(FakeDelivery(clock, after_s=None))
    deliveries.settle_all()
    assert (clock.now_s, deliveries.failed) == (20, 1)
    assert isinstance(deliveries.error, TimeoutError)


def test_after_a_failure_open_deliveries_are_waited_for_only_a_few_seconds(
    clock: Clock, deliveries: Deliveries
) -> None:
    deliveries.add(FakeDelivery(clock, error=ValueError("gone")))
    for after_s in (1, None, None):
        deliveries.add(FakeDelivery(clock, after_s=after_s))
    deliveries.settle_all()
    assert (clock.now_s, deliveries.acknowledged, deliveries.failed) == (AFTER_FAILURE_S, 1, 3)
