"""The store of counts without a Redis: names of partitions, and errors."""

from typing import Any

import pytest
import redis

from tweets.records import Partition
from worker.counts import CommittedCounts, RunningCounts
from worker.redis.store import CountsStore, CountsStoreError

TWEETS_7 = Partition("tweets", 7)


@pytest.fixture
def store() -> CountsStore:
    return CountsStore("redis://user:hunter2@127.0.0.1:1/0", prefix="{p}", group="group")


@pytest.mark.parametrize(
    "error",
    [
        redis.ConnectionError("redis://user:hunter2@localhost"),
        redis.TimeoutError(),
        redis.exceptions.ReadOnlyError("You can't write against a read only replica."),
        redis.exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."),
        redis.ResponseError("WRONGTYPE"),
        redis.AuthenticationError("WRONGPASS"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_every_error_of_the_client_is_transient_and_names_its_class_and_no_password(
    store: CountsStore, error: redis.RedisError, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("redis.Redis.evalsha", fail)
    with pytest.raises(CountsStoreError) as caught:
        store.publish({TWEETS_7: CommittedCounts(1, 2, RunningCounts())})
    assert type(error).__name__ in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_field_of_a_partition_is_parsed_back(store: CountsStore) -> None:
    assert store.field(TWEETS_7) == "group|tweets|7"
    assert store.partition("group|tweets|7", "tweets") == TWEETS_7


@pytest.mark.parametrize(
    "field", ["other|tweets|7", "group|others|7", "group|tweets|seven", "group|tweets|", "", "|||"]
)
def test_the_fields_of_other_groups_and_topics_are_no_partition(store: CountsStore, field: str) -> None:
    assert store.partition(field, "tweets") is None
