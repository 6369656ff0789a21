"""What explains that Redis has other counts than Kafka: the commit that Redis has, beside the last one. Pure."""

from dataclasses import dataclass
from typing import Final

from tweets.records import Partition
from worker.redis.contributions import Fence
from worker.redis.published_markers import INCOMPLETE_OFFSET
from worker.verify.causes import Cause
from worker.verify.finding import Explanation
from worker.verify.findings import COUNTS_TEXT

REPAIR: Final = "run python -m worker verify --repair"

FIND_WRITER: Final = "find the other program, or set maxmemory-policy noeviction"

_AGAIN: Final = "run verify again with a longer --timeout, or while fewer tweets arrive"

_UNMARKED: Final = Fence(0, 0)
"""The marker that a repair leaves: the owner publishes every period again."""


@dataclass(frozen=True, slots=True)
class RedisPosition:
    """The commit that Redis has of a partition, and the last commit in Kafka.

    `what` names what Redis has of it; `before` is the commit that Redis had moments earlier. `generation` is that of
    the last commit, None if it is not known. `moved`: Kafka has a later commit since the comparison.
    """

    partition: Partition
    what: str
    stored: Fence
    before: Fence | None
    offset: int
    generation: int | None
    owned: bool | None
    moved: bool = False


def publish(owned: bool | None) -> str:
    """Return what makes Redis get what is committed."""
    if owned:
        return (
            "a worker owns the partition and publishes every 5 s: if the difference stays, its log says why (Redis "
            f"does not accept the counts, or keeps refusing them); after `keeps refusing`, {REPAIR}"
        )
    start = f"start a worker, which publishes what is committed, or {REPAIR}"
    return start if owned is False else f"if no worker owns the partition, {start}; else look at the worker's log"


def position_explanation(at: RedisPosition) -> Explanation:
    """Return why Redis, which has some commit of the partition, has other counts than the last commit."""
    if at.stored != at.before:
        return still_moving(f"{at.partition}: workers published while verify looked for the cause")
    if _is_stale(at):
        return Explanation(
            Cause.STALE_FENCE,
            f"{at.partition}: Redis has {_commit(at.stored)}, and the last commit at offset {at.offset} is of the "
            f"earlier generation {at.generation}: the group, the topic or the cluster was created again, and Redis "
            "refuses the counts of its workers as older",
            REPAIR,
        )
    if at.stored.offset < at.offset:
        return Explanation(
            Cause.REDIS_BEHIND,
            f"{at.partition}: Redis has the {at.what} of {_commit(at.stored)}, and offset {at.offset} is committed: "
            f"the pushes since then have failed, or Redis was restored from an older copy; {_owner(at.owned)}",
            publish(at.owned),
        )
    return _of_last_commit(at) if at.stored.offset == at.offset else _ahead(at)


def publishing_again(partition: Partition, marker: Fence, owned: bool | None) -> Explanation | None:
    """Return the explanation if the marker says that all periods of the partition are to be published again."""
    if marker.offset != INCOMPLETE_OFFSET and marker != _UNMARKED:
        return None
    return Explanation(
        Cause.PUBLISHING_AGAIN,
        f"{partition}: the marker in Redis says that all periods are to be published again; {_owner(owned)}",
        "wait two minutes and run verify again: the worker's log has a line when Redis has all periods"
        if owned
        else publish(owned),
    )


def still_moving(evidence: str) -> Explanation:
    """Return the explanation of a difference that has changed since it was found."""
    return Explanation(Cause.STILL_MOVING, evidence, _AGAIN)


def _of_last_commit(at: RedisPosition) -> Explanation:
    if at.moved:
        return still_moving(f"{at.partition}: workers committed while verify looked for the cause")
    # A worker publishes the counts of a partition regularly, but only those minutes, hours and days that change.
    advice = publish(at.owned) if at.what == COUNTS_TEXT else REPAIR
    return Explanation(
        Cause.EDITED,
        f"{at.partition}: Redis has {_commit(at.stored)}, which is the last one, and other {at.what}: another program "
        "wrote or deleted them, or Redis evicted keys",
        f"{advice}; {FIND_WRITER}",
    )


def _ahead(at: RedisPosition) -> Explanation:
    # A repair writes fences of generation 0, which say nothing about the order of the commits.
    if at.generation is not None and 0 < at.stored.generation < at.generation:
        return Explanation(
            Cause.POSITION_MOVED_BACK,
            f"{at.partition}: Redis has {_commit(at.stored)}, and generation {at.generation} has committed offset "
            f"{at.offset} after it: the position was moved back; {_owner(at.owned)}",
            publish(at.owned),
        )
    return Explanation(
        Cause.REDIS_AHEAD,
        f"{at.partition}: Redis has {_commit(at.stored)}, and the last commit in Kafka is at offset {at.offset}: Kafka "
        "has lost commits, or KAFKA_BOOTSTRAP_SERVERS names another cluster than that of the workers",
        f"check KAFKA_BOOTSTRAP_SERVERS and KAFKA_GROUP_ID; if they are right, {REPAIR}",
    )


def _is_stale(at: RedisPosition) -> bool:
    """Return whether Redis refuses the owner's pushes.

    A new owner publishes what it has restored before its first commit: in a later generation than that of the last
    commit, but at the same offset.
    """
    return at.generation is not None and at.stored.generation > at.generation and at.stored.offset != at.offset


def _commit(fence: Fence) -> str:
    return f"the commit at offset {fence.offset} (generation {fence.generation})"


def _owner(owned: bool | None) -> str:
    if owned is None:
        return "the brokers do not say whether a worker owns the partition"
    return "a worker owns the partition" if owned else "no worker owns the partition"
