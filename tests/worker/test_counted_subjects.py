"""The list of tweet topics in Redis: since when each is counted, and when it leaves the list."""

from contextlib import closing
from typing import Any

import pytest

from tests.redis_server import RedisServer, needs_redis_server
from tests.worker.window_truth import P0, PREFIX, contribution, store_of, this
from tweets.periods import Period
from worker.redis.counted_subjects import FirstPeriods

TOPICS = f"{PREFIX}:topics"
DAY = Period("day", 20_000)


def within(day: Period, *, hour: int, minute: int | None = None) -> Period:
    """Return an hour of the day, or a minute of that hour."""
    hour_number = day.number * 24 + hour
    return Period("hour", hour_number) if minute is None else Period("minute", hour_number * 60 + minute)


@pytest.mark.parametrize(
    ("periods", "first"),
    [
        ([DAY, within(DAY, hour=7), within(DAY, hour=7, minute=5)], within(DAY, hour=7, minute=5)),
        ([within(DAY, hour=7, minute=5), within(DAY, hour=7, minute=9)], within(DAY, hour=7, minute=5)),
        ([DAY, within(DAY, hour=9), within(DAY, hour=7)], within(DAY, hour=7)),
        ([DAY, within(Period("day", 20_002), hour=3)], DAY),  # the hours of the first day have expired
    ],
    ids=["minute", "first minute", "hour", "day"],
)
def test_a_tweet_topic_counts_since_its_first_period(periods: list[Period], first: Period) -> None:
    found = FirstPeriods()
    for period in periods:
        found.add(period, {"", "x"})
    assert found.since() == {"x": first.start_ms // 1000}


@needs_redis_server
def test_the_earlier_second_stays(server: RedisServer, redis: Any) -> None:
    redis.hset(TOPICS, mapping={"later": "900", "earlier": "50", "broken": "many", "below-zero": "-3"})
    with closing(store_of(server.url)) as store:
        asked = dict.fromkeys(["later", "earlier", "broken", "below-zero", "new"], 100)
        stored = {"later": 100, "earlier": 50, "broken": 100, "below-zero": 100, "new": 100}
        assert store.count_subjects(asked) == stored
    assert redis.hgetall(TOPICS) == {name: str(second) for name, second in stored.items()}


@needs_redis_server
def test_what_is_neither_kept_nor_in_the_file_leaves_the_list(server: RedisServer, redis: Any) -> None:
    with closing(store_of(server.url)) as store:
        store.publish(this("day", back=700), {P0: contribution(1, joy=3, old__joy=1)})
        store.publish(this("day"), {P0: contribution(1, joy=3, present__joy=1)})
        names = ["old", "present", "in-the-file", "expired", "of-a-newer-file", "a:b"]
        redis.hset(TOPICS, mapping={name: "900" if name == "of-a-newer-file" else "100" for name in names})
        assert set(store.forget_subjects({"in-the-file"}, before_s=899)) == {"expired", "a:b"}
        assert redis.hgetall(TOPICS).keys() == {"old", "present", "in-the-file", "of-a-newer-file"}
        assert store.forget_subjects({"in-the-file"}, before_s=899) == []
