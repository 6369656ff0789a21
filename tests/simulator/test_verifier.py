"""The verifier names the clause that is broken, and no other."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.simulator.broker import OUTPUT, Transaction
from tests.simulator.surroundings import BrokenPromiseError, Clause
from tests.simulator.verifier import check, check_drained
from tests.simulator.world import World
from tweets.records import OutputRecord, Partition
from worker.counts import RunningCounts

SEED = 7
SEEDS = 300


@pytest.fixture
def world() -> World:
    """Return a schedule that has kept the promise, with at least two labelled tweets in a partition."""
    world = World(SEED)
    world.run()
    return world


def lose(world: World) -> None:
    world.broker.log.remove(labelled(world)[0])
    count_again(world)


def double(world: World) -> None:
    at = next(n for n, (_, transaction) in enumerate(world.broker.log) if transaction.state == "committed")
    world.broker.log.insert(at, world.broker.log[at])
    count_again(world)


def invent(world: World) -> None:
    output, transaction = labelled(world)[0]
    value = json.loads(output.value or b"") | {"id": f"tweets-{output.partition}-999"}
    world.broker.log.append((replace(output, value=json.dumps(value).encode()), transaction))
    count_again(world)


def reorder(world: World) -> None:
    first, second = labelled(world)[:2]
    log = world.broker.log
    one, other = log.index(first), log.index(second)
    log[one], log[other] = log[other], log[one]


def change_metadata(world: World) -> None:
    partition, committed = next(iter(world.broker.committed.items()))
    world.broker.committed[partition] = replace(committed, metadata=RunningCounts({"joy": 99}).to_metadata())
    publish_again(world)


def change_redis(world: World) -> None:
    world.redis.totals["joy"] += 1


@pytest.mark.parametrize(
    ("tamper", "clause"),
    [
        (lose, Clause.LOST),
        (double, Clause.DOUBLED),
        (invent, Clause.FOREIGN),
        (reorder, Clause.ORDER),
        (change_metadata, Clause.OFFSET_METADATA),
        (change_redis, Clause.REDIS_COUNTS),
    ],
    ids=lambda each: each.name if isinstance(each, Clause) else each.__name__,
)
def test_each_clause_is_found_alone(world: World, tamper: Callable[[World], None], clause: Clause) -> None:
    check(world.broker, world.redis)
    tamper(world)
    with pytest.raises(BrokenPromiseError) as caught:
        check(world.broker, world.redis)
    assert caught.value.clauses == {clause}
    assert clause.name in str(caught.value)


def world_with(what: str, partition_has: Callable[[World, Partition], bool]) -> tuple[World, Partition]:
    """Return the first schedule in which this happened, and a partition with what is asked for."""
    for seed in range(SEEDS):
        world = World(seed)
        world.run()
        found = [partition for partition in world.broker.committed if partition_has(world, partition)]
        if world.happened[what] and found:
            return world, found[0]
    pytest.fail(f"no schedule of {SEEDS} has this: {what}")


def skipped(world: World, partition: Partition) -> int:
    counts = RunningCounts.from_metadata(world.broker.committed[partition].metadata)
    return counts.skipped if counts else 0


def test_a_wrong_number_of_skipped_records_is_found() -> None:
    world, partition = world_with("records skipped", lambda world, at: skipped(world, at) > 0)
    path = world.broker.commits[-1][partition] or world.broker.commits[-2][partition]
    for number, at in enumerate(path):
        counts = RunningCounts.from_metadata(at.metadata) or RunningCounts()
        if counts.skipped:
            path[number] = replace(at, metadata=counts.plus_skipped(1).to_metadata())
    with pytest.raises(BrokenPromiseError) as caught:
        check(world.broker, world.redis)
    assert caught.value.clauses == {Clause.SKIPPED}


def times_labelled(world: World, partition: Partition) -> Counter[str]:
    ids = [json.loads(output.value or b"")["id"] for output in world.broker.visible() if output.topic == OUTPUT]
    return Counter(each for each in ids if each.startswith(f"{partition.topic}-{partition.number}-"))


def test_a_record_that_an_operator_made_the_group_process_again_may_not_be_lost_the_second_time() -> None:
    world, partition = world_with(
        "offset, moved back", lambda world, at: max(times_labelled(world, at).values(), default=0) == 2
    )
    twice = next(each for each, times in times_labelled(world, partition).items() if times == 2)
    entries = [
        entry
        for entry in world.broker.log
        if entry[0].topic == OUTPUT and json.loads(entry[0].value or b"")["id"] == twice
    ]
    world.broker.log.remove([entry for entry in entries if entry[1].state == "committed"][-1])
    with pytest.raises(BrokenPromiseError) as caught:
        check(world.broker, world.redis)
    assert Clause.LOST in caught.value.clauses
    assert twice.rpartition("-")[2] in str(caught.value)


def test_uncommitted_input_is_found(world: World) -> None:
    check_drained(world.broker)
    world.broker.committed.popitem()
    with pytest.raises(BrokenPromiseError) as caught:
        check_drained(world.broker)
    assert caught.value.clauses == {Clause.PROGRESS}


def labelled(world: World) -> list[tuple[OutputRecord, Transaction]]:
    """Return the committed labelled tweets of the first partition that has two, with their transactions."""
    entries = [entry for entry in world.broker.log if entry[0].topic == OUTPUT and entry[1].state == "committed"]
    partition = next(n for n, times in Counter(output.partition for output, _ in entries).items() if times > 1)
    return [entry for entry in entries if entry[0].partition == partition]


def count_again(world: World) -> None:
    """Make offset metadata and Redis agree with the output, so that the output alone is wrong."""
    for partition, committed in world.broker.committed.items():
        outputs = [
            each for each in world.broker.visible() if each.topic == OUTPUT and each.partition == partition.number
        ]
        counts = RunningCounts(Counter(json.loads(each.value or b"")["emotion"] for each in outputs))
        world.broker.committed[partition] = replace(committed, metadata=counts.to_metadata())
    publish_again(world)


def publish_again(world: World) -> None:
    """Make Redis agree with the offset metadata."""
    world.redis.totals.clear()
    for partition, committed in world.broker.committed.items():
        counts = RunningCounts.from_metadata(committed.metadata) or RunningCounts()
        world.redis.partitions[partition] = dict(counts.totals)
        world.redis.totals.update(counts.totals)
