"""The promise, checked at the broker and the store after all work is done."""

import json
from collections import Counter
from collections.abc import Sequence

from tests.simulator.broker import INPUT, OUTPUT, Broker
from tests.simulator.store import FakeRedis
from tests.simulator.surroundings import BrokenPromiseError, Clause
from tweets.records import OutputRecord, Partition
from worker.counts import RunningCounts

Broken = dict[Clause, str]
"""For each broken clause what shows it."""

Origin = tuple[str, Partition, int]
"""Output topic, and the partition and offset of the input record that an output record names."""


def check(broker: Broker, redis: FakeRedis) -> None:
    """Raise BrokenPromiseError unless the output has every input once and in order, and all counts agree with it."""
    seen = [_origin(output) for output in broker.visible()]
    broken = _output(broker, seen) | _order(seen) | _offset_metadata(broker) | _redis_counts(broker, redis)
    if broken:
        raise BrokenPromiseError(broken)


def check_drained(broker: Broker) -> None:
    """Raise BrokenPromiseError, with what is wrong in the output already, unless every input record is committed."""
    if broker.drained():
        return
    seen = [_origin(output) for output in broker.visible()]
    broken = _output(broker, seen) | _order(seen)
    broken.pop(Clause.LOST, None)  # not yet
    raise BrokenPromiseError({Clause.PROGRESS: f"committed {broker.committed}"} | broken)


def _output(broker: Broker, seen: Sequence[Origin]) -> Broken:
    expected = {(partition, record.offset) for partition, records in broker.inputs.items() for record in records}
    times = Counter((partition, offset) for _, partition, offset in seen)
    found = {
        Clause.LOST: expected - set(times),
        Clause.DOUBLED: {position for position, count in times.items() if count > 1},
        Clause.FOREIGN: (set(times) - expected) | _in_another_partition(broker, seen),
    }
    return {clause: str(sorted(positions)) for clause, positions in found.items() if positions}


def _in_another_partition(broker: Broker, seen: Sequence[Origin]) -> set[tuple[Partition, int]]:
    return {
        (partition, offset)
        for output, (_, partition, offset) in zip(broker.visible(), seen, strict=True)
        if output.partition != partition.number
    }


def _order(seen: Sequence[Origin]) -> Broken:
    last: dict[tuple[str, Partition], int] = {}
    for topic, partition, offset in seen:
        if offset < last.get((topic, partition), -1):
            return {Clause.ORDER: f"{topic}: {partition}@{offset} follows {last[topic, partition]}"}
        last[topic, partition] = offset
    return {}


def _offset_metadata(broker: Broker) -> Broken:
    folded: dict[Partition, Counter[str]] = {partition: Counter() for partition in broker.inputs}
    for output in broker.visible():
        if output.topic == OUTPUT:
            folded[Partition(INPUT, output.partition)][json.loads(output.value or b"")["emotion"]] += 1
    for partition, counts in folded.items():
        committed = RunningCounts.from_metadata(broker.committed[partition].metadata or "")
        if committed is None or dict(committed.totals) != dict(counts):
            return {Clause.OFFSET_METADATA: f"{partition}: {committed} instead of {counts}"}
    return {}


def _redis_counts(broker: Broker, redis: FakeRedis) -> Broken:
    total: Counter[str] = Counter()
    for partition, at in broker.committed.items():
        committed = RunningCounts.from_metadata(at.metadata or "")
        counts = dict(committed.totals) if committed else {}
        if redis.partitions.get(partition, {}) != counts:
            return {Clause.REDIS_COUNTS: f"{partition}: {redis.partitions.get(partition)} instead of {counts}"}
        total.update(counts)
    return {} if +redis.totals == total else {Clause.REDIS_COUNTS: f"{redis.totals} instead of {total} in all"}


def _origin(output: OutputRecord) -> Origin:
    if output.topic == OUTPUT:
        topic, number, offset = json.loads(output.value or b"")["id"].rsplit("-", 2)
    else:
        headers = {name: (content or b"").decode() for name, content in output.headers}
        topic, number, offset = (headers[f"__connect.errors.{name}"] for name in ("topic", "partition", "offset"))
    return output.topic, Partition(topic, int(number)), int(offset)
