"""What verify reads to find the causes: in which order, and what it does where something cannot be read."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from dataclasses import field as of_dataclass
from typing import Any

import pytest

from tests.redis_server import RedisServer, needs_redis_server
from tweets.records import Partition
from worker.counts import CommittedCounts, RunningCounts, state_name
from worker.errors import ExitCode, FatalError, TransientError
from worker.kafka import descriptions
from worker.kafka.committed import Committed
from worker.kafka.descriptions import owned_partitions
from worker.redis.contributions import Fence
from worker.redis.errors import WrongKeyError
from worker.redis.publication import Publication
from worker.redis.store import CountsStore
from worker.settings import Settings
from worker.verify.causes import Cause
from worker.verify.compare import Look
from worker.verify.evidence import gathered
from worker.verify.finding import Finding
from worker.verify.run import explained

P0, P1 = Partition("tweets", 0), Partition("tweets", 1)


@dataclass
class Servers:
    """Kafka and Redis; `refused` are the calls that fail, `calls` those that were made."""

    refused: dict[str, Exception] = of_dataclass(default_factory=dict)
    calls: list[str] = of_dataclass(default_factory=list)
    looked_up: list[Collection[Partition]] = of_dataclass(default_factory=list)

    def _answer(self, name: str, answer: Any) -> Any:
        self.calls.append(name)
        if name in self.refused:
            raise self.refused[name]
        return answer

    def committed(self) -> Mapping[Partition, Committed]:
        found: Mapping[Partition, Committed] = self._answer("committed", {P0: Committed(9, RunningCounts({"joy": 2}))})
        return found

    def input_partitions(self) -> Collection[Partition]:
        found: Collection[Partition] = self._answer("input_partitions", [P0, P1])
        return found

    def checkpoints(self, partitions: Collection[Partition]) -> Mapping[Partition, CommittedCounts]:
        self.looked_up.append(partitions)
        state = CommittedCounts(4, 9, RunningCounts({"joy": 2}))
        found: Mapping[Partition, CommittedCounts] = self._answer("checkpoints", dict.fromkeys(partitions, state))
        return found

    def owned(self) -> Collection[Partition] | None:
        found: Collection[Partition] | None = self._answer("owned", {P0})
        return found

    def topic_id(self) -> str:
        return "id"

    def output_end(self, number: int) -> int:
        return 10 * (number + 1)

    def output_uncommitted_ends(self, numbers: Collection[int]) -> Mapping[int, int]:
        found: Mapping[int, int] = self._answer("output_uncommitted_ends", dict.fromkeys(numbers, 15))
        return found

    def output_policy(self) -> str:
        return str(self._answer("output_policy", "delete"))

    def publication(self) -> Publication:
        found: Publication = self._answer("publication", Publication(fences={"g|tweets|0": Fence(4, 5)}))
        return found

    def field(self, partition: Partition) -> str:
        return state_name("g", partition)


def test_redis_is_read_before_and_after_kafka() -> None:
    servers = Servers()
    found = gathered(servers, servers, [P0], reads_output=True)
    assert [servers.calls[0], servers.calls[-1]] == ["publication", "publication"]
    assert servers.calls.index("committed") < servers.calls.index("checkpoints")
    assert (found.generation(P0), found.generation(P1)) == (4, None)
    assert (found.is_owned(P0), found.is_owned(P1)) == (True, False)
    assert (found.output_ends, found.output_uncommitted_ends) == ({0: 10}, {0: 15})
    assert (found.output_policy, found.topic_id) == ("delete", "id")


def test_the_output_topic_is_described_only_where_the_output_differs() -> None:
    servers = Servers()
    gathered(servers, servers, [P0], reads_output=False)
    assert not {"output_policy", "output_uncommitted_ends"} & set(servers.calls)


def test_a_user_who_may_not_describe_group_and_topic_gets_the_other_evidence() -> None:
    refused = FatalError("not allowed", ExitCode.KAFKA)
    servers = Servers(dict.fromkeys(("owned", "output_policy", "output_uncommitted_ends"), refused))
    found = gathered(servers, servers, [P0], reads_output=True)
    assert (found.is_owned(P0), found.output_policy, found.failure) == (None, "", "")
    assert found.output_uncommitted_ends == {}
    assert found.generation(P0) == 4


def test_checkpoints_that_cannot_be_read_are_missed_only_where_the_committed_counts_are_lost() -> None:
    servers = Servers({"checkpoints": TransientError("an open transaction")})
    found = gathered(servers, servers, [P0], reads_output=False)
    assert (found.generation(P0), found.failure) == (None, "")
    assert gathered(servers, servers, [P0, P1], reads_output=False).failure == "an open transaction"


@pytest.mark.parametrize("name", ["committed", "input_partitions", "publication"])
def test_where_kafka_or_redis_cannot_be_read_the_difference_is_shown_without_its_cause(name: str) -> None:
    servers = Servers({name: TransientError("no answer in time")})
    difference = Finding(str(P0), False, "Redis differs")
    look = Look(committed={P0: Committed(9, RunningCounts({"joy": 2}))}, partitions=[P0], findings=[difference])
    (found,) = explained(look, servers, servers)
    assert found.explanation is not None
    assert found.explanation.cause == Cause.UNKNOWN
    assert "no answer in time" in found.explanation.evidence


def test_without_a_difference_nothing_is_asked() -> None:
    servers = Servers()
    look = Look(findings=[Finding(str(P0), True, "3 tweets")])
    assert explained(look, servers, servers) == look.findings
    assert servers.calls == []


def test_only_the_partitions_that_differ_are_looked_up() -> None:
    servers = Servers()
    at = Committed(9, RunningCounts({"joy": 2}))
    findings = [Finding(str(P0), True, "ok"), Finding("minute", False, "differs", (P1, None))]
    explained(Look(committed={P0: at, P1: at}, partitions=[P0, P1], findings=findings), servers, servers)
    assert servers.looked_up == [{P1}]


# What Redis has


@needs_redis_server
def test_fences_markers_and_counts_are_read_together_and_what_is_not_valid_is_left_out(
    server: RedisServer, redis: Any
) -> None:
    store = CountsStore(server.url, prefix="{p}", group="g")
    store.publish({P0: CommittedCounts(3, 60, RunningCounts({"joy": 5}))})
    redis.hset("{p}:fences", "g|tweets|1", "soon")
    redis.hset("{p}:partitions", "g|tweets|1", "many")
    redis.hset("{p}:windows:published", "g|tweets|0", "3:-1")
    found = store.publication()
    assert found == Publication(
        {"g|tweets|0": {"joy": 5}, "g|tweets|1": {}}, {"g|tweets|0": Fence(3, 60)}, {"g|tweets|0": Fence(3, -1)}
    )
    redis.hset("{p}:unfinished", "minute", "5")
    assert store.publication().unfinished
    redis.delete("{p}:fences")
    redis.set("{p}:fences", "x")
    with pytest.raises(WrongKeyError, match="fences"):
        store.publication()
    store.close()


# What the brokers say of the group


class FakeAdmin:
    def __init__(self, group: Mapping[str, Any]) -> None:
        self.group = group

    def __enter__(self) -> "FakeAdmin":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def describe_groups(self, names: Collection[str]) -> Mapping[str, Any]:
        return dict.fromkeys(names, self.group)


def member(topic: str, *numbers: int) -> Mapping[str, Any]:
    return {"member_assignment": {"assigned_partitions": [{"topic": topic, "partitions": list(numbers)}]}}


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> Callable[..., frozenset[Partition] | None]:
    def owned(*members: Mapping[str, Any], state: str = "Stable", error: str | None = None) -> Any:
        described = {"error": error, "group_state": state, "members": list(members)}
        monkeypatch.setattr(descriptions, "admin_client", lambda _: FakeAdmin(described))
        return owned_partitions(Settings(_env_file=None))

    return owned


def test_the_members_of_the_group_own_what_is_assigned_to_them(
    group: Callable[..., frozenset[Partition] | None],
) -> None:
    assert group(member("tweets", 0), member("tweets", 1), member("other", 2)) == frozenset({P0, P1})
    assert group({"member_assignment": ""}) == frozenset()
    assert group(state="Empty") == frozenset()
    assert group(state="Dead", error="GroupIdNotFoundError: no such group") == frozenset()


def test_during_a_rebalance_the_owners_are_not_known(group: Callable[..., frozenset[Partition] | None]) -> None:
    assert group(member("tweets", 0), state="CompletingRebalance") is None


def test_a_refused_description_of_the_group_is_an_error(group: Callable[..., frozenset[Partition] | None]) -> None:
    with pytest.raises(TransientError, match="GroupAuthorizationFailed"):
        group(error="GroupAuthorizationFailedError: no")
