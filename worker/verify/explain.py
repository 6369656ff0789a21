"""Names the cause of each difference that `verify` has found, from evidence alone. Pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

from tweets.records import Partition
from worker.counts import RunningCounts
from worker.redis.contributions import Fence
from worker.verify.causes import Cause
from worker.verify.compare import Look
from worker.verify.evidence import Evidence
from worker.verify.finding import Explanation, Finding
from worker.verify.findings import COUNTS_TEXT, PERIODS_TEXT, TOTALS, nonzero
from worker.verify.offsets import offset_explanation
from worker.verify.outputs import output_explanation
from worker.verify.positions import (
    FIND_WRITER,
    REPAIR,
    RedisPosition,
    position_explanation,
    publish,
    publishing_again,
    still_moving,
)

_COLLECT: Final = (
    "keep this output, that of verify --json and of export-state, the logs of the workers, and HGETALL of the keys "
    f"counts, partitions, fences and windows:published in Redis; then {REPAIR}"
)


class Explainer:
    """Explains the findings of the last comparison."""

    def __init__(self, look: Look, evidence: Evidence, field_of: Callable[[Partition], str]) -> None:
        """`field_of` returns the name of a partition in the hashes of Redis."""
        self._look = look
        self._evidence = evidence
        self._field_of = field_of
        self._partitions = {str(each): each for each in {*look.partitions, *evidence.existing}}

    def findings(self) -> list[Finding]:
        """Return the findings, each difference with its cause."""
        return [self._explained(finding) for finding in self._look.findings]

    def _explained(self, finding: Finding) -> Finding:
        if not finding.is_unexplained:
            return finding
        failure = self._evidence.failure
        found = [] if failure else list(self._causes(finding))
        unknown = f"the evidence cannot be read: {failure}" if failure else "nothing that verify knows of fits"
        return replace(finding, explanation=_joined(found) if found else Explanation(Cause.UNKNOWN, unknown, _COLLECT))

    def _causes(self, finding: Finding) -> Iterator[Explanation]:
        partition = self._partitions.get(finding.subject)
        if partition is not None:
            yield from self._of_partition(partition)
        elif finding.subject == TOTALS:
            yield self._of_totals()
        for place in finding.places:
            yield self._of_sums() if place is None else self._of_periods(place)

    def _of_partition(self, partition: Partition) -> Iterator[Explanation]:
        at = self._look.committed.get(partition)
        if at is None or at.counts is None:
            yield self._of_offset(partition)
            return
        if nonzero(self._look.stored.get(partition, {})) != nonzero(at.counts.totals):
            yield self._of_counts(partition)
        output = self._of_output(partition)
        if output is not None:
            yield output

    def _of_offset(self, partition: Partition) -> Explanation:
        return offset_explanation(
            partition,
            self._look.committed.get(partition),
            self._evidence.checkpoints.get(partition),
            exists=partition in self._evidence.existing,
            topic_id=self._evidence.topic_id,
        )

    def _of_output(self, partition: Partition) -> Explanation | None:
        return output_explanation(
            partition,
            self._look.committed[partition].counts or RunningCounts(),
            self._look.recounts.get(partition.number),
            end=self._evidence.output_ends.get(partition.number, 0),
            uncommitted_end=self._evidence.output_uncommitted_ends.get(partition.number, 0),
            policy=self._evidence.output_policy,
        )

    def _of_counts(self, partition: Partition) -> Explanation:
        """Return why Redis has other counts than the partition's commit."""
        now, field = self._evidence.now, self._field_of(partition)
        at = self._evidence.committed.get(partition)
        if at is not None and at.counts is not None and nonzero(now.counts.get(field, {})) == nonzero(at.counts.totals):
            return still_moving(f"{partition}: Redis agrees since the last comparison")
        missing = [key for key, found in (("partitions", now.counts), ("fences", now.fences)) if field not in found]
        if len(missing) == 2:
            return self._of_absent(partition, COUNTS_TEXT)
        if missing:
            return Explanation(
                Cause.EDITED,
                f"{partition}: the key {missing[0]} lacks the partition, and every script writes both partitions and "
                "fences: another program deleted or wrote to the key",
                f"{publish(self._evidence.is_owned(partition))}; {FIND_WRITER}",
            )
        return position_explanation(
            self._position(partition, COUNTS_TEXT, now.fences[field], self._evidence.before.fences.get(field))
        )

    def _of_periods(self, partition: Partition) -> Explanation:
        """Return why Redis has other minutes, hours and days of a partition than the output topic."""
        if partition not in self._look.committed:
            return self._of_offset(partition)
        output = self._of_output(partition)
        if output is not None:
            return output
        field = self._field_of(partition)
        stored = self._evidence.now.markers.get(field)
        if stored is None:
            return self._of_absent(partition, PERIODS_TEXT)
        again = publishing_again(partition, stored, self._evidence.is_owned(partition))
        before = self._evidence.before.markers.get(field)
        return again or position_explanation(self._position(partition, PERIODS_TEXT, stored, before))

    def _position(self, partition: Partition, what: str, stored: Fence, before: Fence | None) -> RedisPosition:
        then = self._look.committed[partition]
        now = self._evidence.committed.get(partition, then)
        return RedisPosition(
            partition,
            what,
            stored=stored,
            before=before,
            offset=now.offset,
            generation=self._evidence.generation(partition),
            owned=self._evidence.is_owned(partition),
            moved=now.offset != then.offset,
        )

    def _of_absent(self, partition: Partition, what: str) -> Explanation:
        """Return why Redis has no commit of a partition."""
        now, advice = self._evidence.now, publish(self._evidence.is_owned(partition))
        if not now.fences and not any(now.counts.values()):
            return Explanation(
                Cause.REDIS_EMPTY,
                "Redis has no counts under this prefix: it was wiped, or started without its data, or is another Redis "
                "than that of the workers",
                f"check REDIS_URL and REDIS_KEY_PREFIX; {advice}",
            )
        return Explanation(
            Cause.NOT_PUBLISHED,
            f"{partition}: Redis has other partitions and none of the {what} of this one: they were deleted, or no "
            "worker has published since the commit",
            advice,
        )

    def _of_totals(self) -> Explanation:
        owned = None if self._evidence.owned is None else bool(self._evidence.owned)
        if self._evidence.now.unfinished:
            return Explanation(
                Cause.SCRIPT_UNFINISHED,
                "the key unfinished exists: a publish script has failed between two writes, and the next one completes "
                "the counts",
                publish(owned),
            )
        return Explanation(
            Cause.EDITED,
            "the totals are not the sums over the partitions, which every publish corrects within seconds: another "
            "program wrote to the key counts or deleted it, or Redis evicted it",
            f"{publish(owned)}; {FIND_WRITER}",
        )

    def _of_sums(self) -> Explanation:
        return Explanation(
            Cause.EDITED,
            "the key of the period is not the sum of what the partitions have contributed, which every push corrects: "
            "another program wrote to the key or deleted it, or Redis evicted it",
            f"{REPAIR}; {FIND_WRITER}",
        )


def _joined(found: Iterable[Explanation]) -> Explanation:
    """Return one explanation with the first cause, which also names the other ones."""
    by_cause: dict[Cause, list[Explanation]] = {}
    for each in found:
        by_cause.setdefault(each.cause, []).append(each)
    (cause, first), *others = by_cause.items()
    evidence = [_evidence(first), *(f"also {other}: {_evidence(same)}" for other, same in others)]
    advice = dict.fromkeys(same[0].advice for same in by_cause.values())
    return Explanation(cause, "; ".join(evidence), "; ".join(advice))


def _evidence(same: list[Explanation]) -> str:
    others = len({each.evidence for each in same}) - 1
    more = f"; the same for {others} more {'partition' if others == 1 else 'partitions'}" if others else ""
    return same[0].evidence + more
