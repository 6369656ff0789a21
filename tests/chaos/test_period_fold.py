import json
from collections.abc import Mapping

from chaos.stream.period_fold import HOUR_MS, PeriodFold, unix_ms

NOON = "2026-03-01T12:00:00.000Z"
HEADERS: Mapping[str, bytes | None] = {"emotion.input.timestamp": str(unix_ms(NOON)).encode()}


def a_tweet(created_at: str | None = None, emotion: str = "joy", **fields: object) -> dict[str, object]:
    dated = {} if created_at is None else {"created_at": created_at}
    return {"emotion": emotion, "classified_at": NOON, **dated, **fields}


def a_fold(*tweets: dict[str, object], partition: int = 0) -> PeriodFold:
    fold = PeriodFold(now_ms=lambda: unix_ms(NOON))
    for tweet in tweets:
        fold.add(partition, tweet, HEADERS)
    return fold


def minutes_of(fold: PeriodFold) -> dict[str, dict[str, int]]:
    return {key: counts for key, counts in fold.kept().items() if key.startswith("minute:")}


def test_a_tweet_counts_in_its_minute_hour_and_day() -> None:
    moment = unix_ms("2026-03-01T11:58:30Z")
    assert a_fold(a_tweet("2026-03-01T11:58:30Z")).kept() == {
        f"minute:{moment // 60_000}": {"joy": 1},
        f"hour:{moment // HOUR_MS}": {"joy": 1},
        f"day:{moment // (24 * HOUR_MS)}": {"joy": 1},
    }


def test_hours_are_the_sums_of_their_minutes() -> None:
    fold = a_fold(a_tweet("2026-03-01T11:58:30Z"), a_tweet("2026-03-01T11:59:30Z", "fear"), a_tweet(NOON))
    assert fold.kept()[f"hour:{unix_ms(NOON) // HOUR_MS - 1}"] == {"joy": 1, "fear": 1}
    assert len(minutes_of(fold)) == 3


def test_a_tweet_without_a_time_has_that_of_its_input_record() -> None:
    assert minutes_of(a_fold(a_tweet())) == minutes_of(a_fold(a_tweet(NOON)))


def test_a_time_in_the_future_is_that_of_the_prediction() -> None:
    assert minutes_of(a_fold(a_tweet("2026-03-01T12:05:00.001Z"))) == minutes_of(a_fold(a_tweet(NOON)))
    assert minutes_of(a_fold(a_tweet("2026-03-01T12:05:00Z"))) != minutes_of(a_fold(a_tweet(NOON)))


def test_a_late_tweet_counts_in_no_period() -> None:
    fold = a_fold(a_tweet(NOON), a_tweet("2026-03-01T10:59:59Z"), a_tweet("2026-03-01T11:00:00Z"))
    assert fold.late == 1
    assert sum(sum(counts.values()) for counts in minutes_of(fold).values()) == 2


def test_lateness_is_that_of_the_partition() -> None:
    fold = a_fold(a_tweet(NOON))
    fold.add(1, a_tweet("2026-03-01T10:00:00Z"), HEADERS)
    assert fold.late == 0


def test_tweet_topics_have_periods_of_their_own() -> None:
    fold = a_fold(a_tweet(NOON, topics=["cats", "dogs"]), a_tweet(NOON))
    day = unix_ms(NOON) // (24 * HOUR_MS)
    assert (fold.kept()[f"day:{day}"], fold.kept()[f"topic:cats:day:{day}"]) == ({"joy": 2}, {"joy": 1})
    assert fold.in_several_subjects == 1


def test_minutes_expire_before_hours() -> None:
    fold = a_fold(a_tweet("2026-02-27T11:58:00Z"), a_tweet("2026-02-27T12:00:00Z"))
    assert len(minutes_of(fold)) == 1
    assert fold.expired() == 1
    assert sum(key.startswith("hour:") for key in fold.kept()) == 2


def test_the_fold_is_the_same_after_its_state_was_stored() -> None:
    tweets = [a_tweet(NOON), a_tweet("2026-03-01T11:58:30Z", "fear", topics=["cats"]), a_tweet("2026-03-01T09:00:00Z")]
    whole, first = a_fold(*tweets), a_fold(*tweets[:1])
    second = PeriodFold.restored(json.loads(json.dumps(first.state())))
    for tweet in tweets[1:]:
        second.add(0, tweet, HEADERS)
    assert second.state() == whole.state()
    assert second.late == 1
