"""Two consumer groups with one REDIS_KEY_PREFIX: the second is refused, and the totals stay those of the first."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest

from tests.redis_server import RedisServer, needs_redis_server, running
from tweets.records import Partition
from worker.counts import CommittedCounts, RunningCounts
from worker.kafka.committed import Committed
from worker.redis.store import CountsStore, CountsStoreError
from worker.verify.compare import Wait, verify

pytestmark = needs_redis_server

P0, P1 = Partition("tweets", 0), Partition("tweets", 1)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with running(tmp_path) as started:
        yield started


def store(server: RedisServer, group: str, prefix: str = "{emotion}") -> CountsStore:
    return CountsStore(server.url, prefix=prefix, group=group)


def counts(joy: int, *, offset: int = 1) -> CommittedCounts:
    return CommittedCounts(1, offset, RunningCounts({"joy": joy}))


def totals(server: RedisServer, prefix: str = "{emotion}") -> Mapping[str, str]:
    with server.client() as client:
        found: Mapping[str, str] = client.hgetall(f"{prefix}:counts")
        return found


def test_the_first_counts_of_a_second_group_are_refused_with_one_line(server: RedisServer) -> None:
    first, second = store(server, "model-a"), store(server, "model-b")
    first.publish({P0: counts(5)})
    for _ in range(3):
        with pytest.raises(CountsStoreError) as caught:
            second.publish({P0: counts(7), P1: counts(2)})
    assert caught.value.refused
    line = str(caught.value)
    assert "REDIS_KEY_PREFIX={emotion}" in line
    assert "consumer group model-a" in line
    assert "\n" not in line
    assert totals(server) == {"joy": "5"}
    first.publish({P0: counts(6, offset=2), P1: counts(1)})
    assert totals(server) == {"joy": "7"}


def test_another_prefix_works_beside_the_first(server: RedisServer) -> None:
    store(server, "model-a").publish({P0: counts(5)})
    store(server, "model-b", "{other}").publish({P0: counts(7)})
    assert (totals(server), totals(server, "{other}")) == ({"joy": "5"}, {"joy": "7"})


def test_the_second_group_publishes_once_the_keys_of_the_first_are_deleted(server: RedisServer) -> None:
    store(server, "model-a").publish({P0: counts(5)})
    with server.client() as client:
        client.flushall()
    store(server, "model-b").publish({P0: counts(7)})
    assert totals(server) == {"joy": "7"}


def test_groups_that_already_share_a_prefix_both_continue(server: RedisServer) -> None:
    with server.client() as client:
        client.hset("{emotion}:partitions", "model-a|tweets|0", '{"joy":5}')
        client.hset("{emotion}:partitions", "model-b|tweets|0", '{"joy":7}')
    store(server, "model-a").publish({P0: counts(6)})
    store(server, "model-b").publish({P0: counts(8)})
    assert totals(server) == {"joy": "14"}


class CommittedByA:
    """What the group model-a has committed; nothing is recounted."""

    topic = "tweets"

    def input_partitions(self) -> Collection[Partition]:
        return self.committed().keys()

    def committed(self) -> Mapping[Partition, Committed]:
        return {P0: Committed(2, RunningCounts({"joy": 6}))}

    def checkpoints(self, partitions: Collection[Partition]) -> Mapping[Partition, CommittedCounts]:
        return {}

    def recount(self, numbers: Collection[int]) -> Mapping[int, RunningCounts | None]:
        return dict.fromkeys(numbers)


def other_groups(server: RedisServer) -> list[str]:
    findings = verify(CommittedByA(), store(server, "model-a"), Wait(0))
    assert [finding.agrees for finding in findings if finding.subject != "groups"] == [True, True]
    return [finding.detail for finding in findings if finding.subject == "groups" and not finding.agrees]


def test_verify_names_the_groups_that_share_a_prefix_until_one_of_them_has_another(server: RedisServer) -> None:
    store(server, "model-a").publish({P0: counts(6, offset=2)})
    assert other_groups(server) == []
    with server.client() as client:
        client.hset("{emotion}:partitions", "model-b|tweets|0", '{"joy":7}')
        client.hset("{emotion}:partitions", "model|c|more-tweets|12", '{"joy":1}')
        client.hset("{emotion}:counts", "joy", "14")
    (line,) = other_groups(server)
    assert line.startswith("REDIS_KEY_PREFIX={emotion}: ")
    assert "the consumer groups model-b, model|c under this prefix" in line
    with server.client() as client:
        client.flushall()
    store(server, "model-a").publish({P0: counts(6, offset=2)})
    assert other_groups(server) == []


@pytest.mark.parametrize("field", ["model-a|more|3", "model-b|tweets|x", "|tweets|0", "model-b|tw eets|0", "x"])
def test_verify_takes_the_own_group_and_foreign_fields_for_no_other_group(server: RedisServer, field: str) -> None:
    store(server, "model-a").publish({P0: counts(6, offset=2)})
    with server.client() as client:
        client.hset("{emotion}:partitions", field, '{"joy":7}')
        client.hset("{emotion}:counts", "joy", "13")
    assert other_groups(server) == []


@pytest.mark.parametrize("field", ["model-b|tweets|x", "|tweets|0", "nonsense", "model-b|tweets|0"])
@pytest.mark.parametrize("value", ["{}", "nonsense"])
def test_a_foreign_field_without_counts_is_no_group(server: RedisServer, field: str, value: str) -> None:
    with server.client() as client:
        client.hset("{emotion}:partitions", field, value)
    store(server, "model-a").publish({P0: counts(5)})
    assert totals(server)["joy"] == "5"


def test_another_input_topic_of_the_same_group_is_no_other_group(server: RedisServer) -> None:
    store(server, "model-a").publish({P0: counts(5)})
    store(server, "model-a").publish({Partition("more", 0): counts(2)})
    assert totals(server) == {"joy": "7"}
