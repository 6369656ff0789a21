"""The promise, checked at the broker and the store after all work is done."""

import json
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from tests.simulator.broker import DEAD_LETTERS, OUTPUT, Broker
from tests.simulator.store import FakeRedis
from tests.simulator.surroundings import BrokenPromiseError, Clause
from tweets.records import OutputRecord, Partition
from worker.counts import RunningCounts
from worker.membership import CommittedOffset

Broken = dict[Clause, str]
"""For each broken clause what shows it."""

Origin = tuple[str, Partition, int]
"""Output topic, and the partition and offset of the input record that an output record names."""


def check(broker: Broker, redis: FakeRedis) -> None:
    """Raise BrokenPromiseError unless the output has every input once and in order, and all counts agree with it.

    Where an operator has moved offsets, each era between two moves must have the inputs from where the era began to
    its last commit.
    """
    broken = _output_and_order(broker) | _skipped(broker) | _offset_metadata(broker) | _redis_counts(broker, redis)
    if broken:
        raise BrokenPromiseError(broken)


def check_drained(broker: Broker) -> None:
    """Raise BrokenPromiseError, with what is wrong in the output already, unless every input record is committed."""
    if broker.drained():
        return
    broken = _output_and_order(broker)
    broken.pop(Clause.LOST, None)  # not yet
    raise BrokenPromiseError({Clause.PROGRESS: f"committed {broker.committed}"} | broken)


def dead_letter_reasons(broker: Broker) -> list[str]:
    """Return the reason of each dead letter that readers see, with `, cut` if it lost a part of its record."""
    found = []
    for output in broker.visible():
        if output.topic == DEAD_LETTERS:
            headers = {name: (content or b"").decode() for name, content in output.headers}
            reason = headers["__connect.errors.exception.message"].partition(":")[0]
            found.append(f"{reason}, cut" if "truncated" in headers else reason)
    return found


def _output_and_order(broker: Broker) -> Broken:
    broken: Broken = {}
    for era in range(len(broker.starts)):
        seen = [_origin(output) for output in broker.visible(era)]
        broken |= _output(broker, era, seen) | _order(seen)
    return broken


def _output(broker: Broker, era: int, seen: Sequence[Origin]) -> Broken:
    inputs = {(partition, record.offset) for partition, log in broker.inputs.items() for record in log.records}
    expected = {(partition, offset) for partition, offset in inputs if _is_processed(broker, era, partition, offset)}
    times = Counter((partition, offset) for _, partition, offset in seen)
    found = {
        Clause.LOST: expected - set(times),
        Clause.DOUBLED: {at for at, count in times.items() if count > 1 or at in inputs - expected},
        Clause.FOREIGN: (set(times) - inputs) | _in_another_partition(broker.visible(era), seen),
    }
    return {clause: str(sorted(positions)) for clause, positions in found.items() if positions}


def _is_processed(broker: Broker, era: int, partition: Partition, offset: int) -> bool:
    """Return whether the offset lies between where the era began and its last commit, and was not skipped."""
    path = _path(broker, era, partition)
    skipped = any(
        before.offset <= offset < after.offset and _skipped_in(before) != _skipped_in(after)
        for before, after in pairwise(path)
    )
    return path[0].offset <= offset < path[-1].offset and not skipped


def _path(broker: Broker, era: int, partition: Partition) -> list[CommittedOffset]:
    return [broker.starts[era][partition], *broker.commits[era][partition]]


def _skipped_in(at: CommittedOffset) -> int:
    counts = RunningCounts.from_metadata(at.metadata)
    return counts.skipped if counts else 0


def _skipped(broker: Broker) -> Broken:
    """Compare what each commit adds to the skipped records with the offsets that the commit passes over."""
    for era in range(len(broker.starts)):
        for partition, log in broker.inputs.items():
            for before, after in pairwise(_path(broker, era, partition)):
                added = _skipped_in(after) - _skipped_in(before)
                if added and (added != after.offset - before.offset or after.offset > log.first):
                    return {Clause.SKIPPED: f"{partition}: {added} between {before} and {after}"}
    return {}


def _in_another_partition(outputs: Sequence[OutputRecord], seen: Sequence[Origin]) -> set[tuple[Partition, int]]:
    return {
        (partition, offset)
        for output, (_, partition, offset) in zip(outputs, seen, strict=True)
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
    for partition, committed in broker.committed.items():
        folded = Counter(broker.counted_before.get(partition, RunningCounts()).totals)
        folded.update(_emotions(broker.visible(), partition))
        counts = RunningCounts.from_metadata(committed.metadata)
        if counts is None or dict(counts.totals) != dict(folded):
            return {Clause.OFFSET_METADATA: f"{partition}: {counts} instead of {folded}"}
    return {}


def _emotions(outputs: Sequence[OutputRecord], partition: Partition) -> list[str]:
    return [
        json.loads(output.value or b"")["emotion"]
        for output in outputs
        if output.topic == OUTPUT and output.partition == partition.number
    ]


def _redis_counts(broker: Broker, redis: FakeRedis) -> Broken:
    total: Counter[str] = Counter()
    for partition, at in broker.committed.items():
        committed = RunningCounts.from_metadata(at.metadata)
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
