"""Comparing what Kafka has committed with Redis and with a recount."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import pytest

from tests.clock import Clock
from tweets.records import Partition
from worker.counts import CommittedCounts, RunningCounts
from worker.kafka.committed import Committed
from worker.verify.compare import Look, Wait, repair, verify
from worker.verify.finding import Finding

P0, P1 = Partition("tweets", 0), Partition("tweets", 1)


@dataclass
class FakeCommittedReader:
    offsets: dict[Partition, Committed] = field(default_factory=dict)
    recounts: dict[int, RunningCounts | None] = field(default_factory=dict)
    while_recounting: Callable[[], None] = lambda: None
    topic: str = "tweets"
    copies: dict[Partition, CommittedCounts] = field(default_factory=dict)

    def input_partitions(self) -> Collection[Partition]:
        return {*self.offsets, *self.copies}

    def checkpoints(self, partitions: Collection[Partition]) -> Mapping[Partition, CommittedCounts]:
        return {partition: self.copies[partition] for partition in partitions if partition in self.copies}

    def committed(self) -> Mapping[Partition, Committed]:
        return dict(self.offsets)

    def recount(self, numbers: Collection[int]) -> Mapping[int, RunningCounts | None]:
        self.while_recounting()
        return {number: self.recounts[number] for number in numbers}


@dataclass
class FakeStoredCounts:
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    sums: dict[str, int] = field(default_factory=dict)
    prefix: str = "{emotion}"

    def other_groups(self, counts: Mapping[str, Mapping[str, int]]) -> list[str]:
        names = {name.split("|")[0] for name, each in counts.items() if any(each.values())}
        return sorted(names - {"group"})

    def snapshot(self) -> tuple[Mapping[str, int], Mapping[str, Mapping[str, int]]]:
        return dict(self.sums), {name: dict(counts) for name, counts in self.counts.items()}

    def partition(self, field: str, topic: str) -> Partition | None:
        group, name, number = field.split("|")
        return Partition(topic, int(number)) if (group, name) == ("group", topic) else None

    def field(self, partition: Partition) -> str:
        return f"group|{partition.topic}|{partition.number}"

    def repair(self, committed_counts: Mapping[Partition, CommittedCounts]) -> None:
        self.sums = {}
        for partition, committed in committed_counts.items():
            self.counts[self.field(partition)] = dict(committed.counts.totals)
        for counts in self.counts.values():
            for name, count in counts.items():
                self.sums[name] = self.sums.get(name, 0) + count


class Sleep:
    """Takes no time."""

    def __call__(self, seconds: float) -> None:
        assert seconds > 0


@pytest.fixture
def kafka() -> FakeCommittedReader:
    counts = {P0: RunningCounts({"joy": 3}), P1: RunningCounts({"joy": 1, "fear": 2})}
    return FakeCommittedReader(
        {P0: Committed(10, counts[P0]), P1: Committed(20, counts[P1])}, {p.number: counts[p] for p in counts}
    )


@pytest.fixture
def store() -> FakeStoredCounts:
    return FakeStoredCounts(
        {"group|tweets|0": {"joy": 3, "anger": 0}, "group|tweets|1": {"joy": 1, "fear": 2}}, {"joy": 4, "fear": 2}
    )


def _verified(kafka: FakeCommittedReader, store: FakeStoredCounts, timeout_s: float = 0.0) -> dict[str, Finding]:
    return {
        finding.subject: finding
        for finding in verify(kafka, store, Wait(timeout_s, clock=Clock(step_s=1.0), sleep=Sleep()))
    }


def _only_difference(kafka: FakeCommittedReader, store: FakeStoredCounts) -> Finding:
    wrong = [finding for finding in _verified(kafka, store).values() if not finding.agrees]
    assert len(wrong) == 1
    return wrong[0]


def test_where_all_agree_each_partition_and_the_totals_are_findings(
    kafka: FakeCommittedReader, store: FakeStoredCounts
) -> None:
    assert _verified(kafka, store) == {
        "tweets[0]": Finding("tweets[0]", True, "@10: 3 tweets"),
        "tweets[1]": Finding("tweets[1]", True, "@20: 3 tweets"),
        "totals": Finding("totals", True, "6 tweets"),
    }


def test_a_partition_that_differs_in_redis_is_found(kafka: FakeCommittedReader, store: FakeStoredCounts) -> None:
    store.counts["group|tweets|1"] = {"joy": 2, "fear": 1}
    store.sums = {"joy": 5, "fear": 1}
    assert _only_difference(kafka, store) == Finding(
        "tweets[1]", False, "@20: Redis differs: fear 1 instead of 2, joy 2 instead of 1"
    )


def test_a_partition_that_redis_does_not_know_is_found(kafka: FakeCommittedReader, store: FakeStoredCounts) -> None:
    del store.counts["group|tweets|0"]
    store.sums = {"joy": 1, "fear": 2}
    assert "Redis differs: joy 0 instead of 3" in _only_difference(kafka, store).detail


def test_totals_that_are_not_the_sum_are_found(kafka: FakeCommittedReader, store: FakeStoredCounts) -> None:
    store.sums["joy"] = 5
    assert _only_difference(kafka, store) == Finding("totals", False, "Redis differs: joy 5 instead of 4")


def test_an_output_that_differs_from_the_committed_counts_is_found(
    kafka: FakeCommittedReader, store: FakeStoredCounts
) -> None:
    kafka.recounts[0] = RunningCounts({"joy": 2})
    assert _only_difference(kafka, store) == Finding(
        "tweets[0]", False, "@10: the output topic differs: joy 2 instead of 3"
    )


def test_unreadable_offset_metadata_is_found(kafka: FakeCommittedReader, store: FakeStoredCounts) -> None:
    kafka.offsets[P0] = Committed(10, None)
    detail = _only_difference(kafka, store).detail
    assert "no readable offset metadata" in detail
    assert "see import-state" in detail
    kafka.copies[P0] = CommittedCounts(4, 8, RunningCounts({"joy": 2}))
    assert "the checkpoint topic has 2 tweets up to offset 8" in _only_difference(kafka, store).detail


def test_counts_in_redis_of_a_partition_without_a_committed_offset_are_found(
    kafka: FakeCommittedReader, store: FakeStoredCounts
) -> None:
    del kafka.offsets[P1]
    detail = _only_difference(kafka, store).detail
    assert all(words in detail for words in ("offsets.retention.minutes", "Redis counts 3 tweets", "see import-state"))
    kafka.copies[P1] = CommittedCounts(4, 20, RunningCounts({"joy": 1, "fear": 2}))
    assert "the checkpoint topic has 3 tweets up to offset 20" in _only_difference(kafka, store).detail


def test_a_repair_does_not_lower_counts_whose_committed_offset_is_lost(
    kafka: FakeCommittedReader, store: FakeStoredCounts
) -> None:
    kafka.copies[P1] = CommittedCounts(4, 20, RunningCounts({"joy": 1, "fear": 2}))
    for lost in (None, Committed(5, None)):
        kafka.offsets.pop(P1, None)
        kafka.offsets |= {} if lost is None else {P1: lost}
        store.counts["group|tweets|1"] = {"joy": 9}
        repair(kafka, store)
        assert store.counts["group|tweets|1"] == {"joy": 1, "fear": 2}


def test_a_partition_that_retention_has_cut_is_not_recounted(
    kafka: FakeCommittedReader, store: FakeStoredCounts
) -> None:
    kafka.recounts[0] = None
    finding = _verified(kafka, store)["tweets[0]"]
    assert finding.agrees
    assert "not recounted" in finding.detail


def test_other_groups_count_into_the_totals_and_are_named_with_the_setting(
    kafka: FakeCommittedReader, store: FakeStoredCounts
) -> None:
    store.counts |= {"other|tweets|0": {"love": 9}, "third|tweets|0": {"joy": 1}, "ended|tweets|0": {"joy": 0}}
    store.sums |= {"love": 9, "joy": 5}
    finding = _only_difference(kafka, store)
    assert finding.subject == "groups"
    assert finding.detail.startswith("REDIS_KEY_PREFIX={emotion}: ")
    assert "the consumer groups other, third under this prefix" in finding.detail


def test_the_line_about_other_groups_is_one_short_line(kafka: FakeCommittedReader, store: FakeStoredCounts) -> None:
    names = ["a\nb", "x" * 5_000, *(f"z{number}" for number in range(10))]
    store.counts |= {f"{name}|tweets|0": {"love": 1} for name in names}
    store.sums["love"] = len(names)
    detail = _only_difference(kafka, store).detail
    assert "'a\\nb', " in detail
    assert "z2 and 7 more under" in detail
    assert "\n" not in detail
    assert len(detail) < 1_000


def test_it_does_not_wait_for_other_groups_to_go(kafka: FakeCommittedReader, store: FakeStoredCounts) -> None:
    store.counts["other|tweets|0"], store.sums["love"] = {"love": 9}, 9
    clock = Clock(step_s=1.0)
    verify(kafka, store, Wait(60, clock=clock, sleep=Sleep()))
    assert clock.now_s < 10


def test_a_recount_during_which_the_partition_moves_is_no_difference(
    kafka: FakeCommittedReader, store: FakeStoredCounts
) -> None:
    def move() -> None:
        kafka.offsets[P0] = Committed(11, RunningCounts({"joy": 4}))

    kafka.recounts[0] = RunningCounts({"joy": 4, "fear": 9})
    kafka.while_recounting = move
    looks = list[Look]()
    verify(kafka, store, Wait(0), note=looks.append)
    assert "output topic" not in looks[0].findings[0].detail
    assert not looks[0].output_differs(P0), "the cause of another difference is not sought there"


def test_it_looks_again_until_redis_has_caught_up(kafka: FakeCommittedReader, store: FakeStoredCounts) -> None:
    store.counts["group|tweets|0"], store.sums = {}, {"joy": 1, "fear": 2}
    looks = 0

    def catch_up() -> None:
        nonlocal looks
        looks += 1
        if looks == 6:
            repair(kafka, store)

    kafka.while_recounting = catch_up
    assert all(finding.agrees for finding in _verified(kafka, store, timeout_s=30).values())


def test_it_gives_up_after_its_time(kafka: FakeCommittedReader, store: FakeStoredCounts) -> None:
    store.sums = {}
    clock = Clock(step_s=1.0)
    findings = verify(kafka, store, Wait(5, clock=clock, sleep=Sleep()))
    assert not all(finding.agrees for finding in findings)
    assert 5 < clock.now_s < 10


def test_a_repair_makes_redis_equal_to_kafka(kafka: FakeCommittedReader, store: FakeStoredCounts) -> None:
    store.counts = {"group|tweets|0": {"love": 7}, "group|tweets|7": {"love": 1}, "other|tweets|7": {"anger": 1}}
    store.sums = {"fear": 100}
    kafka.offsets[P1] = Committed(20, None)
    kafka.recounts[1] = RunningCounts()
    store.counts["group|tweets|1"] = {"joy": 1, "fear": 2}  # the last copy of these counts
    repair(kafka, store)
    assert store.counts == {
        "group|tweets|0": {"joy": 3},
        "group|tweets|1": {"joy": 1, "fear": 2},
        "group|tweets|7": {},
        "other|tweets|7": {"anger": 1},
    }
    assert store.sums == {"joy": 4, "fear": 2, "anger": 1}


def test_a_group_that_never_committed_agrees_with_an_empty_redis() -> None:
    findings = _verified(FakeCommittedReader(), FakeStoredCounts())
    assert findings["totals"] == Finding("totals", True, "0 tweets")
    assert findings["tweets"].agrees
    assert "KAFKA_GROUP_ID" in findings["tweets"].detail
